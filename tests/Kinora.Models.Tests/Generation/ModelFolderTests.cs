using Kinora.Engine;

namespace Kinora.Models.Tests.Generation;

public sealed class ModelFolderTests
{
    [Theory]
    [InlineData("HunyuanVideoPipeline", "a HunyuanVideo model")]
    [InlineData("MochiPipeline", "a Mochi model")]
    [InlineData("FluxPipeline", "a FLUX image model")]
    [InlineData("SomethingNewPipeline", "a model of another system")]
    public void Open_FolderOfAnotherSystem_SaysWhatItIsAndWhatRunsIt(string className, string expected)
    {
        using var model = new TinyModel();
        File.WriteAllText(Path.Combine(model.Folder, ModelFolder.IndexFile), $$"""{"_class_name":"{{className}}","_diffusers_version":"0.35.0"}""");
        string message = Should.Throw<ConfigException>(() => ModelFolder.Open(model.Folder)).Message;
        message.ShouldContain(expected);
        message.ShouldContain(className);
        message.ShouldContain("diffusers");
    }

    [Theory]
    [InlineData("config.json", "single network", "no kind of weights")]
    [InlineData("readme.txt", "no weights", "no kind of weights")]
    [InlineData("model.gguf", "JSON text", "JSON text")]
    [InlineData("model.ckpt", "JSON text", "JSON text")]
    public void Open_FolderWithoutIndex_SaysWhatItHolds(string file, string expected, string ofTheFile)
    {
        string folder = Directory.CreateTempSubdirectory("kinora-test-").FullName;
        File.WriteAllText(Path.Combine(folder, file), "{}");
        Should.Throw<KinoraException>(() => ModelFolder.Open(folder)).Message.ShouldContain(expected);
        Should.Throw<KinoraException>(() => ModelFolder.Open(Path.Combine(folder, file))).Message.ShouldContain(ofTheFile);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Open_BrokenIndexOrMissingComponent_IsRefused()
    {
        using var model = new TinyModel();
        string index = Path.Combine(model.Folder, ModelFolder.IndexFile);
        string good = File.ReadAllText(index);
        File.WriteAllText(index, good.Replace("\"steps\": 3", "\"stepps\": 3", StringComparison.Ordinal));
        Should.Throw<ConfigException>(() => ModelFolder.Open(model.Folder)).Message.ShouldContain("stepps");
        File.WriteAllText(index, good.Replace("\"unipc\"", "\"magic\"", StringComparison.Ordinal));
        Should.Throw<ConfigException>(() => ModelFolder.Open(model.Folder)).Message.ShouldContain("unipc");
        File.WriteAllText(index, "{");
        Should.Throw<ConfigException>(() => ModelFolder.Open(model.Folder));
        File.WriteAllText(index, good);
        Directory.Delete(model.Component("vae"), recursive: true);
        Should.Throw<ConfigException>(() => ModelFolder.Open(model.Folder)).Message.ShouldContain("vae");
    }

    [Fact]
    public void Find_UnknownName_SaysHowToGetAModel() =>
        Should.Throw<ConfigException>(() => ModelFolder.Find("no-such-model")).Message.ShouldContain("kinora train");

    [Fact]
    public void Sha256_FollowsWeightsAndConfigurations()
    {
        using var model = new TinyModel(seed: 1);
        using var same = new TinyModel(seed: 1);
        using var other = new TinyModel(seed: 2);
        string hash = ModelFolder.Open(model.Folder).Sha256();
        hash.Length.ShouldBe(64);
        ModelFolder.Open(same.Folder).Sha256().ShouldBe(hash);
        ModelFolder.Open(other.Folder).Sha256().ShouldNotBe(hash);
        File.AppendAllText(Path.Combine(same.Component("scheduler"), "scheduler_config.json"), " ");
        ModelFolder.Open(same.Folder).Sha256().ShouldNotBe(hash);
    }
}
