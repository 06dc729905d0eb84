// Clips made by the real command line, and made again from the manifest inside them.

using System.Text.Json;
using Kinora.Cli.Shell;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Tests.Generation;
using Kinora.Media;
using Kinora.Models.Generation;

namespace Kinora.Cli.Tests;

public sealed class GenerateReplayTests : IClassFixture<TinyModel>, IDisposable
{
    private readonly TinyModel _model;
    private readonly string _folder;

    public GenerateReplayTests(TinyModel model)
    {
        _model = model;
        _folder = Directory.CreateDirectory(Path.Combine(model.Base, Path.GetRandomFileName())).FullName;
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("clip.mp4", 5)]
    [InlineData("clip.webm", 5)]
    [InlineData("clip.gif", 5)]
    [InlineData("frames", 5)]
    [InlineData("image.png", 1)]
    public async Task Replay_UntouchedClip_IsBitIdentical(string name, int frames)
    {
        string path = await GenerateAsync(name, "--seed", "3", "--frames", $"{frames}", "--negative", "night", "--guidance", "1.5", "--sampler", "dpm++");
        var run = await Cli.RunAsync("replay", path, "--verify", "--model", _model.Folder);
        run.ExitCode.ShouldBe(ExitCodes.Success, run.Error);
        run.Output.ShouldContain("bit-identical");
        run.Output.ShouldNotContain("not bit-identical");
    }

    [Fact]
    public async Task Replay_WithLoraAndComponent_FindsThemAndRefusesChangedOnes()
    {
        string lora = WriteLora("style.safetensors", 0.1f), vae = Path.Combine(_model.Copy("other"), "vae");
        string plain = await GenerateAsync("plain.mp4", "--seed", "3"), path = await GenerateAsync("clip.mp4", "--seed", "3", "--lora", lora + ":0.8", "--lora-mode", "live", "--component", "vae=" + vae);
        FramesOf(path).ShouldNotBe(FramesOf(plain));

        var same = await Cli.RunAsync("replay", path, "--verify", "--model", _model.Folder);
        same.ExitCode.ShouldBe(ExitCodes.Success, same.Error);
        same.Output.ShouldNotContain("not bit-identical");

        WriteLora("style.safetensors", 0.2f);
        var changed = await Cli.RunAsync("replay", path, "--verify", "--model", _model.Folder);
        changed.ExitCode.ShouldBe(ExitCodes.Integrity);
        changed.Error.ShouldContain("style.safetensors, which has changed since");
        Directory.Delete(Path.GetDirectoryName(vae)!, recursive: true);
    }

    [Fact]
    public async Task Replay_PartsThatMoved_AreFoundWhereTheyAreSaidToBeAndRefusedWhenTheyAreOthers()
    {
        string lora = WriteLora("style.safetensors", 0.1f), folder = _model.Copy("moving"), vae = Path.Combine(folder, "vae");
        string path = await GenerateAsync("clip.png", "--frames", "1", "--seed", "3", "--lora", lora + ":0.8", "--component", "vae=" + vae);
        string movedLora = Path.Combine(_folder, "renamed.safetensors"), movedVae = Path.Combine(_folder, "codec");
        File.Move(lora, movedLora);
        Directory.Move(vae, movedVae);
        Directory.Delete(folder, recursive: true);
        async Task<(int ExitCode, string Error)> ReplayAsync(params string[] args)
        {
            var run = await Cli.RunAsync(["replay", path, "--verify", "--model", _model.Folder, .. args]);
            return (run.ExitCode, run.Error);
        }

        (await ReplayAsync()).Error.ShouldContain("--component vae=PATH");
        (await ReplayAsync("--component", "vae=" + movedVae)).Error.ShouldContain("--lora FILE");
        var moved = await ReplayAsync("--component", "vae=" + movedVae, "--lora", movedLora);
        moved.ExitCode.ShouldBe(ExitCodes.Success, moved.Error);

        string otherLora = WriteLora("other.safetensors", 0.2f);
        (await ReplayAsync("--component", "vae=" + movedVae, "--lora", otherLora)).ShouldSatisfyAllConditions(r => r.ExitCode.ShouldBe(ExitCodes.Integrity), r => r.Error.ShouldContain("other.safetensors"));
        (await ReplayAsync("--component", "transformer=" + movedVae, "--lora", movedLora)).Error.ShouldContain("vae from elsewhere");
        File.AppendAllText(Path.Combine(movedVae, "config.json"), " ");
        (await ReplayAsync("--component", "vae=" + movedVae, "--lora", movedLora)).ShouldSatisfyAllConditions(r => r.ExitCode.ShouldBe(ExitCodes.Integrity), r => r.Error.ShouldContain("is not the vae"));
    }

    [Theory]
    [InlineData("style.safetensors:strong", "is no weight")]
    [InlineData("gone.safetensors:0.5", "LoRA gone.safetensors: there is no such file.")]
    public async Task Generate_WithALoraThatCannotBeRead_IsRefused(string value, string message)
    {
        var run = await Cli.RunAsync("generate", "a red balloon", "-o", Path.Combine(_folder, "clip.mp4"), "--model", _model.Folder, "--lora", value);
        run.ExitCode.ShouldBe(ExitCodes.Input);
        run.Error.ShouldContain(message);
        File.Exists(Path.Combine(_folder, "clip.mp4")).ShouldBeFalse();
    }

    [Fact]
    public async Task Replay_ControlNetThatMoved_IsFoundWhereItIsSaidToBeAndRefusedWhenItIsAnother()
    {
        using var model = new TinyStableDiffusion("sd15_tiny_pndm");
        string golden = Path.Combine(AppContext.BaseDirectory, "Fixtures", "Golden", "core", "controlnet_sd15"), net = Path.Combine(_folder, "net"), moved = Path.Combine(_folder, "moved"), path = Path.Combine(_folder, "clip.png"), control = Path.Combine(_folder, "edges.png");
        Directory.CreateDirectory(net);
        File.Copy(Path.Combine(golden, "config.json"), Path.Combine(net, "config.json"));
        File.Copy(Path.Combine(golden, "weights.safetensors"), Path.Combine(net, "diffusion_pytorch_model.safetensors"));
        ImageFile.WritePng(control, new VideoFrame(24, 16, new byte[24 * 16 * 3]));
        var made = await Cli.RunAsync("generate", "a cat", "--model", model.Folder, "--size", "24x16", "--steps", "3", "--seed", "5", "--dtype", "fp32", "--device", "cpu", "--control", control, "--controlnet", net, "-o", path);
        made.ExitCode.ShouldBe(ExitCodes.Success, made.Error);
        Manifest(path).Control!.ControlNet.ShouldBe(net);
        async Task<(int ExitCode, string Error)> ReplayAsync(params string[] args)
        {
            var run = await Cli.RunAsync(["replay", path, "--verify", "--model", model.Folder, .. args]);
            return (run.ExitCode, run.Error);
        }
        Directory.Move(net, moved);

        (await ReplayAsync()).ShouldSatisfyAllConditions(r => r.ExitCode.ShouldBe(ExitCodes.Input), r => r.Error.ShouldContain("--controlnet PATH"));
        var found = await ReplayAsync("--controlnet", moved);
        found.ExitCode.ShouldBe(ExitCodes.Success, found.Error);

        File.AppendAllText(Path.Combine(moved, "config.json"), " ");
        (await ReplayAsync("--controlnet", moved)).ShouldSatisfyAllConditions(r => r.ExitCode.ShouldBe(ExitCodes.Integrity), r => r.Error.ShouldContain("is not the ControlNet"));
    }

    [Fact]
    public async Task Replay_ControlNetOfAClipWithoutOne_IsRefused()
    {
        string path = await GenerateAsync("clip.png", "--frames", "1", "--seed", "3");

        var run = await Cli.RunAsync("replay", path, "--verify", "--model", _model.Folder, "--controlnet", _folder);

        run.ExitCode.ShouldBe(ExitCodes.Input);
        run.Error.ShouldContain("made without a ControlNet");
    }

    [Fact]
    public async Task Replay_ManifestOfAnotherSeed_SaysByHowMuchItDiffers()
    {
        string path = await GenerateAsync("clip.mp4", "--seed", "3");
        var clip = Clip.Read(path);
        clip.Metadata[MediaMetadata.ManifestKey] = clip.Metadata[MediaMetadata.ManifestKey].Replace("\"seed\":3", "\"seed\":4", StringComparison.Ordinal);
        string forged = Path.Combine(_folder, "forged.mp4");
        clip.Save(forged);
        var run = await Cli.RunAsync("replay", forged, "--verify", "--model", _model.Folder);
        run.ExitCode.ShouldBe(ExitCodes.Integrity, run.Error);
        run.Output.ShouldContain("not bit-identical");
        run.Output.ShouldContain("PSNR");
    }

    [Fact]
    public async Task Replay_DamagedOrMissingManifest_IsRefused()
    {
        var clip = new Clip([new VideoFrame(16, 16, new byte[16 * 16 * 3])], 8);
        string path = Path.Combine(_folder, "other.png");
        clip.Save(path);
        var none = await Cli.RunAsync("replay", path, "--model", _model.Folder);
        none.ExitCode.ShouldBe(ExitCodes.Input);
        none.Error.ShouldContain("no manifest");
        clip.Metadata[MediaMetadata.ManifestKey] = "{\"format\":1}";
        clip.Save(path);
        var damaged = await Cli.RunAsync("replay", path, "--model", _model.Folder);
        damaged.ExitCode.ShouldBe(ExitCodes.Integrity);
        damaged.Error.ShouldContain("damaged");
    }

    [Fact]
    public async Task Replay_ChangedModel_IsRefusedWithBothHashes()
    {
        string path = await GenerateAsync("clip.png", "--seed", "3", "--frames", "1");
        string copy = _model.Copy(Path.GetRandomFileName());
        File.AppendAllText(Path.Combine(copy, "scheduler", "scheduler_config.json"), " ");
        var run = await Cli.RunAsync("replay", path, "--verify", "--model", copy);
        run.ExitCode.ShouldBe(ExitCodes.Integrity);
        run.Error.ShouldContain("--model");
        run.Output.ShouldBeEmpty();
    }

    [Fact]
    public async Task Generate_Count_GivesTheClipsOfConsecutiveSeeds()
    {
        var run = await Cli.RunAsync("generate", "a red balloon", "--model", _model.Folder, "-o", Path.Combine(_folder, "c.png"), "--frames", "1", "--seed", "8", "--count", "2", "--json");
        run.ExitCode.ShouldBe(ExitCodes.Success, run.Error);
        using JsonDocument report = JsonDocument.Parse(run.Output);
        JsonElement second = report.RootElement.GetProperty("clips")[1];
        second.GetProperty("path").GetString().ShouldBe(Path.Combine(_folder, "c-2.png"));
        string alone = await GenerateAsync("alone.png", "--frames", "1", "--seed", "9");
        Manifest(alone).FramesSha256.ShouldBe(second.GetProperty("manifest").GetProperty("frames_sha256").GetString());
        Clip.Read(alone).Frames[0].Rgb.ShouldBe(Clip.Read(Path.Combine(_folder, "c-2.png")).Frames[0].Rgb);
    }

    [Fact]
    public async Task Replay_FromAnImageAndAsContinuation_NeedsTheSameSource()
    {
        string image = await GenerateAsync("first.png", "--frames", "1", "--seed", "1");
        string animated = await GenerateAsync("animated.mp4", "--image", image, "--seed", "2");
        Manifest(animated).Input!.Kind.ShouldBe("image");
        (await Cli.RunAsync("replay", animated, "--model", _model.Folder)).ExitCode.ShouldBe(ExitCodes.Success);

        string longer = await GenerateAsync("longer.mp4", "--continue", animated, "--seed", "3");
        Clip.Read(longer).Frames.Count.ShouldBeGreaterThan(TinyModel.Frames);
        (await Cli.RunAsync("replay", longer, "--model", _model.Folder)).ExitCode.ShouldBe(ExitCodes.Success);

        string moved = Path.Combine(_folder, "moved.png");
        File.Move(image, moved);
        var lost = await Cli.RunAsync("replay", animated, "--model", _model.Folder);
        lost.ExitCode.ShouldBe(ExitCodes.Input);
        lost.Error.ShouldContain("--input");
        (await Cli.RunAsync("replay", animated, "--model", _model.Folder, "--input", moved)).ExitCode.ShouldBe(ExitCodes.Success);
        string other = await GenerateAsync("other.png", "--frames", "1", "--seed", "5");
        (await Cli.RunAsync("replay", animated, "--model", _model.Folder, "--input", other)).ExitCode.ShouldBe(ExitCodes.Integrity);
    }

    [Fact]
    public async Task Generate_DryRun_EstimatesAndWritesNothing()
    {
        var run = await Cli.RunAsync("generate", "a red balloon", "--model", _model.Folder, "-o", Path.Combine(_folder, "never.mp4"), "--dry-run", "--json", "--device", "cpu");
        run.ExitCode.ShouldBe(ExitCodes.Success, run.Error);
        using JsonDocument report = JsonDocument.Parse(run.Output);
        report.RootElement.GetProperty("peak_bytes").GetInt64().ShouldBeGreaterThan(0);
        report.RootElement.GetProperty("seconds_per_clip").GetDouble().ShouldBeGreaterThan(0);
        Directory.EnumerateFileSystemEntries(_folder).ShouldBeEmpty();
    }

    private static GenerationManifest Manifest(string path) => GenerationManifest.FromJson(MediaMetadata.Read(path)[MediaMetadata.ManifestKey]);

    private async Task<string> GenerateAsync(string name, params string[] args)
    {
        string path = Path.Combine(_folder, name);
        var run = await Cli.RunAsync(["generate", "a red balloon", "--model", _model.Folder, "--dtype", "fp32", "-o", path, .. args]);
        run.ExitCode.ShouldBe(ExitCodes.Success, run.Error);
        return path;
    }

    private static string FramesOf(string path) => GenerationManifest.FromJson(MediaMetadata.Read(path)[MediaMetadata.ManifestKey]).FramesSha256;

    // A change of rank 1 for the last matrix of the transformer, which is zeros before training and hides what stands before it.
    private string WriteLora(string name, float value)
    {
        string path = Path.Combine(_folder, name);
        using var scope = TensorScope.Enter();
        using Checkpoint model = Checkpoint.Open(TinyModel.WeightsOf(_model.Folder, "transformer"));
        StoredTensor layer = model.Names.Order(StringComparer.Ordinal).Where(n => n.EndsWith("proj_out.weight", StringComparison.Ordinal)).Select(n => model.Find(n)!).First();
        string prefix = "transformer." + layer.Name[..^".weight".Length];
        SafetensorsWriter.Write(path, [KeyValuePair.Create(prefix + ".lora_B.weight", Tensor.Full([layer.Shape[0], 1], value)), KeyValuePair.Create(prefix + ".lora_A.weight", Tensor.Full([1, layer.Shape[1]], value))]);
        return path;
    }
}
