using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Checkpoints.Doctor;

namespace Kinora.Evaluation.Tests.Checkpoints;

public sealed class ModelDoctorTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kinora-test-");

    [Theory]
    [InlineData("core/unet2d_sd15", "UNet2DConditionModel")]
    [InlineData("core/unet2d_sdxl", "UNet2DConditionModel")]
    [InlineData("core/autoencoder_kl_sd", "AutoencoderKL")]
    [InlineData("dit/wan_transformer_i2v", "WanTransformer3DModel")]
    [InlineData("dit/autoencoder_kl_wan21", "AutoencoderKLWan")]
    [InlineData("dit/autoencoder_kl_wan22", "AutoencoderKLWan")]
    [InlineData("dit/ltx_transformer", "LTXVideoTransformer3DModel")]
    public void Convert_ToTheOriginalLayoutAndBack_GivesTheSameWeights(string fixture, string className)
    {
        string network = NetworkFolder(fixture);
        ModelDoctor.Inspect(network).Components.Single().ClassName.ShouldBe(className);
        ModelDoctor.Inspect(network).IsBroken.ShouldBeFalse();

        string original = Path.Combine(_folder.FullName, "original.safetensors");
        ModelConversion.Convert(network, original, ModelLayout.Original);
        IReadOnlyList<string> back = ModelConversion.Convert(original, Path.Combine(_folder.FullName, "back"), ModelLayout.Diffusers);

        using var scope = TensorScope.Enter();
        using Checkpoint first = Checkpoint.Open(network), last = Checkpoint.Open(back[0]);
        last.Names.Order(StringComparer.Ordinal).ShouldBe(first.Names.Order(StringComparer.Ordinal));
        foreach (string name in first.Names)
        {
            last.Read(name, DType.Float64).ToArray<double>().ShouldBe(first.Read(name, DType.Float64).ToArray<double>(), name);
        }
        // The original file has other names than ours.
        using Checkpoint published = Checkpoint.Open(original);
        published.Names.Order(StringComparer.Ordinal).ShouldNotBe(first.Names.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Inspect_MissingAndUnexpectedParameters_AreGroupedAndBroken()
    {
        string network = NetworkFolder("dit/wan_transformer_t2v");
        string weights = Path.Combine(network, "diffusion_pytorch_model.safetensors");
        using (var scope = TensorScope.Enter())
        {
            KeyValuePair<string, Tensor>[] tensors;
            using (Checkpoint all = Checkpoint.Open(weights))
            {
                tensors = [.. all.Names.Where(n => !n.EndsWith("attn1.to_q.weight", StringComparison.Ordinal)).Select(n => KeyValuePair.Create(n, all.Read(n).Clone())), KeyValuePair.Create("blocks.0.extra.weight", Tensor.Zeros([2]))];
            }
            SafetensorsWriter.Write(weights, tensors);
        }

        ModelReport report = ModelDoctor.Inspect(network);

        report.IsBroken.ShouldBeTrue();
        report.Components.Single().Missing.ShouldHaveSingleItem().ShouldStartWith("`blocks.*.attn1.to_q.weight`");
        report.Components.Single().Unexpected.ShouldBe(["`blocks.0.extra.weight`"]);
        report.ToString().ShouldContain("Nothing of it will be loaded");
    }

    [Fact]
    public void Inspect_ControlNet_SaysHowItIsUsed()
    {
        string network = NetworkFolder("core/controlnet_sd15");

        string report = ModelDoctor.Inspect(Path.Combine(network, "diffusion_pytorch_model.safetensors")).ToString();

        report.ShouldContain("ControlNetModel");
        report.ShouldContain("whole");
        report.ShouldContain("--controlnet ");
    }

    [Fact]
    public void Inspect_FileBesideItsConfiguration_IsHeldAgainstIt()
    {
        string network = NetworkFolder("dit/wan_transformer_t2v"), weights = Path.Combine(network, "diffusion_pytorch_model.safetensors"), config = Path.Combine(network, "config.json");

        ModelDoctor.Inspect(weights).Components.Single().State.ShouldBe("whole");

        File.WriteAllText(config, File.ReadAllText(config).Replace("\"ffn_dim\": ", "\"ffn_dim\": 1", StringComparison.Ordinal));
        ModelDoctor.Inspect(weights).Components.Single().WrongShape.ShouldNotBeEmpty();
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"ffn_dim\"", "\"fnn_dim\"", StringComparison.Ordinal));
        string unknown = Should.Throw<ConfigException>(() => ModelDoctor.Inspect(network)).Message;
        unknown.ShouldContain(config);
        unknown.ShouldContain("`fnn_dim`: unknown key");
    }

    [Fact]
    public void Inspect_NotANumber_IsNamedWhenValuesAreRead()
    {
        string network = NetworkFolder("core/autoencoder_tiny_taesd");
        string weights = Path.Combine(network, "diffusion_pytorch_model.safetensors");
        string victim;
        using (var scope = TensorScope.Enter())
        {
            KeyValuePair<string, Tensor>[] tensors;
            using (Checkpoint all = Checkpoint.Open(weights))
            {
                victim = all.Names.First(n => n.EndsWith(".weight", StringComparison.Ordinal));
                tensors = [.. all.Names.Select(n => KeyValuePair.Create(n, n == victim ? all.Read(n) * double.NaN : all.Read(n).Clone()))];
            }
            SafetensorsWriter.Write(weights, tensors);
        }

        ModelDoctor.Inspect(network).IsBroken.ShouldBeFalse();
        ModelDoctor.Inspect(network, readsValues: true).Components.Single().NotFinite.ShouldBe([$"`{victim}`"]);
    }

    [Fact]
    public void Inspect_FileOfNoKnownLayout_SaysWhatIsKnown()
    {
        string path = Path.Combine(_folder.FullName, "strange.safetensors");
        using (var scope = TensorScope.Enter())
        {
            SafetensorsWriter.Write(path, [KeyValuePair.Create("a.b", Tensor.Zeros([1]))]);
        }

        ModelReport report = ModelDoctor.Inspect(path);

        report.Components.ShouldBeEmpty();
        report.ToString().ShouldContain("CompVis");
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private string NetworkFolder(string fixture)
    {
        string from = Path.Combine(AppContext.BaseDirectory, "Fixtures", "Golden", fixture);
        string to = _folder.CreateSubdirectory("network").FullName;
        File.Copy(Path.Combine(from, "config.json"), Path.Combine(to, "config.json"));
        File.Copy(Path.Combine(from, "weights.safetensors"), Path.Combine(to, "diffusion_pytorch_model.safetensors"));
        return to;
    }
}
