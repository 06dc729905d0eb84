// What people type and hand over that cannot work: one clear message, the documented exit code, and nothing left on disk.

using Kinora.Cli.Shell;
using Kinora.Media;

namespace Kinora.Cli.Tests;

public sealed class GenerateInputTests : IClassFixture<TinyModel>, IDisposable
{
    private readonly TinyModel _model;
    private readonly string _folder;

    public GenerateInputTests(TinyModel model)
    {
        _model = model;
        _folder = Directory.CreateDirectory(Path.Combine(model.Base, Path.GetRandomFileName())).FullName;
    }

    private string Output => Path.Combine(_folder, "out.mp4");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("a red balloon")]
    [InlineData("🎈🌃")]
    [InlineData("воздушный шар")]
    [InlineData("@red --balloon")]
    public async Task Prompt_OfAnyScript_MakesAClip(string prompt)
    {
        var run = await GenerateAsync(prompt, "--seed", "1");

        run.ExitCode.ShouldBe(ExitCodes.Success, run.Error);
        run.Output.Trim().ShouldBe(Output);
        Clip.Read(Output).Frames.Count.ShouldBe(TinyModel.Frames);
    }

    [Theory]
    [InlineData("", "prompt is empty")]
    [InlineData("   ", "prompt is empty")]
    public async Task Prompt_Empty_IsRefused(string prompt, string message) => await RefuseAsync(ExitCodes.Usage, message, prompt);

    [Fact]
    public async Task Prompt_OfTenThousandCharacters_IsRefusedWithItsLimit() =>
        await RefuseAsync(ExitCodes.Usage, "the prompt has 10000 characters", new string('x', 10_000));

    [Theory]
    [InlineData("--size 40x32", "a width of 40 is impossible", "The nearest are 32 and 48")]
    [InlineData("--size 32x1", "a height of 1 is impossible", "The nearest are 16 and 32")]
    [InlineData("--size 100000x32", "a width of 100000 is impossible", "nearest")]
    [InlineData("--size banana", "banana", "64x64")]
    [InlineData("--size 32", "--size", "64x64")]
    [InlineData("--frames 6", "6 frames is impossible", "The nearest are 5 and 9")]
    [InlineData("--frames 0", "0 frames is impossible", "The nearest are 1 and 5")]
    [InlineData("--frames -3", "-3", "")]
    [InlineData("--frames many", "many", "")]
    [InlineData("--steps 0", "steps is 0", "1 and")]
    [InlineData("--steps 99999999999", "99999999999", "")]
    [InlineData("--count 0", "count is 0", "")]
    [InlineData("--fps 0", "frame rate is 0", "")]
    [InlineData("--guidance NaN", "guidance", "")]
    [InlineData("--seed -1", "-1", "")]
    [InlineData("--sampler magic", "magic", "euler")]
    [InlineData("--device tpu", "tpu", "cuda")]
    [InlineData("--sed 1", "unknown option --sed", "Did you mean --seed?")]
    [InlineData("--last-image end.png", "unknown option --last-image", "--keyframe last=FILE")]
    public async Task Flag_Impossible_IsRefusedAndSaysWhatIsPossible(string flags, string message, string remedy)
    {
        var run = await RefuseAsync(ExitCodes.Usage, message, ["a red balloon", .. flags.Split(' ')]);

        run.Error.ShouldContain(remedy);
    }

    [Fact]
    public async Task Model_Absent_IsRefused() => await RefuseModelAsync(ExitCodes.Input, "no-such-model", Path.Combine(_folder, "no-such-model"));

    [Fact]
    public async Task Model_OfAnotherSystem_IsNamed()
    {
        string folder = Path.Combine(_model.Base, "mochi" + Path.GetRandomFileName());
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, "model_index.json"), """{ "_class_name": "MochiPipeline", "vae": ["diffusers", "AutoencoderKLMochi"] }""");

        await RefuseModelAsync(ExitCodes.Input, "Mochi", folder);
    }

    [Fact]
    public async Task Model_WithUnknownKey_IsRefused()
    {
        string folder = _model.Copy(Path.GetRandomFileName());
        string config = Path.Combine(folder, "transformer", "config.json");
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(config)).Replace("\"num_layers\"", "\"number_of_layers\"", StringComparison.Ordinal));

        await RefuseModelAsync(ExitCodes.Input, "num_layers", folder);
    }

    [Theory]
    [InlineData("vae")]
    [InlineData("transformer")]
    [InlineData("text_encoder")]
    public async Task Weights_Truncated_AreRefusedAsDamaged(string component)
    {
        string folder = _model.Copy(Path.GetRandomFileName());
        await using (var file = File.OpenWrite(TinyModel.WeightsOf(folder, component))) { file.SetLength(file.Length - 1); }

        await RefuseModelAsync(ExitCodes.Integrity, component, folder);
    }

    [Fact]
    public async Task Weights_WhoseHeaderLies_AreRefusedBeforeMemoryIsTaken()
    {
        string folder = _model.Copy(Path.GetRandomFileName());
        await using (var file = File.OpenWrite(TinyModel.WeightsOf(folder, "vae"))) { file.Write(BitConverter.GetBytes(long.MaxValue)); }

        await RefuseModelAsync(ExitCodes.Integrity, "vae", folder);
    }

    [Fact]
    public async Task Image_Truncated_IsRefused()
    {
        string image = WriteImage();
        await using (var file = File.OpenWrite(image)) { file.SetLength(file.Length / 2); }

        await RefuseAsync(ExitCodes.Input, image, "a red balloon", "--image", image);
    }

    [Fact]
    public async Task Image_ThatIsText_IsRefused()
    {
        string image = Path.Combine(_model.Base, Path.GetRandomFileName() + ".png");
        await File.WriteAllTextAsync(image, "version https://git-lfs.github.com/spec/v1");

        await RefuseAsync(ExitCodes.Input, image, "a red balloon", "--image", image);
    }

    [Theory]
    [InlineData("--image")]
    [InlineData("--continue")]
    public async Task File_Absent_IsRefused(string flag) => await RefuseAsync(ExitCodes.Input, "nowhere.mp4", "a red balloon", flag, "/nowhere.mp4");

    [Fact]
    public async Task Clip_ToContinue_ThatIsNoClip_IsRefused() => await RefuseAsync(ExitCodes.Input, "model_index.json", "a red balloon", "--continue", Path.Combine(_model.Folder, "model_index.json"));

    [Fact]
    public async Task Image_AndClip_Together_AreRefused()
    {
        string image = WriteImage();

        await RefuseAsync(ExitCodes.Usage, "give one of them", "a red balloon", "--image", image, "--continue", image);
    }

    [Theory]
    [InlineData("out.avi", ExitCodes.Usage, ".avi")]
    [InlineData("out.png", ExitCodes.Usage, "one picture")]
    [InlineData("missing/out.mp4", ExitCodes.Input, "missing")]
    public async Task Output_ThatCannotBeWritten_IsRefusedBeforeAnyWork(string name, int exitCode, string message)
    {
        var run = await Cli.RunAsync("generate", "a red balloon", "--model", _model.Folder, "-o", Path.Combine(_folder, name));

        run.ExitCode.ShouldBe(exitCode, run.Error);
        run.Error.ShouldContain(message);
        run.Error.ShouldNotContain("sampling");
        Directory.EnumerateFileSystemEntries(_folder).ShouldBeEmpty();
    }

    [MountFact]
    public async Task Disk_Full_IsReportedAndLeavesNothing()
    {
        using var disk = SmallDisk.TryMount(_folder, kibibytes: 8);

        var run = await Cli.RunAsync("generate", "a red balloon", "--model", _model.Folder, "--size", "128x128", "--steps", "8", "-o", Output);

        run.ExitCode.ShouldBe(ExitCodes.Input, run.Error);
        run.Error.ShouldContain("kinora generate: ");
        run.Error.ShouldContain("space", Case.Insensitive);
        Directory.EnumerateFileSystemEntries(_folder).ShouldBeEmpty();
    }

    [Fact]
    public async Task Font_Absent_IsNamed()
    {
        var run = await Cli.RunAsync("world", "atlas", "--font", "/nowhere/NotoColorEmoji.ttf");

        run.ExitCode.ShouldBe(ExitCodes.Input, run.Error);
        run.Error.ShouldContain("/nowhere/NotoColorEmoji.ttf");
    }

    [Fact]
    public async Task DryRun_WritesNothing()
    {
        var run = await GenerateAsync("a red balloon", "--dry-run");

        run.ExitCode.ShouldBe(ExitCodes.Success, run.Error);
        run.Output.ShouldContain("memory", Case.Insensitive);
        Directory.EnumerateFileSystemEntries(_folder).ShouldBeEmpty();
    }

    [Fact]
    public async Task Replay_OfItsOwnClip_IsBitIdentical()
    {
        (await GenerateAsync("a red balloon", "--seed", "5")).ExitCode.ShouldBe(ExitCodes.Success);

        var run = await Cli.RunAsync("replay", Output, "--verify", "--model", _model.Folder);

        run.ExitCode.ShouldBe(ExitCodes.Success, run.Error + run.Output);
        run.Output.ShouldContain("bit-identical");
    }

    [Fact]
    public async Task Replay_OfAForeignClip_IsRefused()
    {
        string clip = Path.Combine(_model.Base, Path.GetRandomFileName() + ".png");
        ImageFile.WritePng(clip, new VideoFrame(2, 2, new byte[12], null));

        var run = await Cli.RunAsync("replay", clip);

        run.ExitCode.ShouldBe(ExitCodes.Input, run.Error);
        run.Error.ShouldContain("no manifest");
    }

    private string WriteImage()
    {
        string image = Path.Combine(_model.Base, Path.GetRandomFileName() + ".png");
        byte[] noise = new byte[TinyModel.Size * TinyModel.Size * 3];
        new Random(1).NextBytes(noise);
        ImageFile.WritePng(image, new VideoFrame(TinyModel.Size, TinyModel.Size, noise, null));
        return image;
    }

    private Task<Outcome> GenerateAsync(params string[] args) => Cli.RunAsync(["generate", "--model", _model.Folder, "-o", Output, .. args]);

    private async Task<Outcome> RefuseAsync(int exitCode, string message, params string[] args)
    {
        var run = await GenerateAsync(args);
        Check(run, exitCode, message);
        return run;
    }

    private async Task RefuseModelAsync(int exitCode, string message, string model)
    {
        var run = await Cli.RunAsync("generate", "a red balloon", "--model", model, "-o", Output);
        Check(run, exitCode, message);
    }

    private void Check(Outcome run, int exitCode, string message)
    {
        run.ExitCode.ShouldBe(exitCode, run.Error);
        run.Error.ShouldContain(message);
        run.Error.ShouldContain("kinora generate: ");
        run.Error.ShouldNotContain("   at ");
        run.Output.ShouldBeEmpty();
        Directory.EnumerateFileSystemEntries(_folder).ShouldBeEmpty();
    }
}
