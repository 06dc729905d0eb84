// A picture by one model, animated by another, in one command.

using Kinora.Cli.Shell;
using Kinora.Media;
using Kinora.Models.Generation;

namespace Kinora.Cli.Tests;

public sealed class ImageModelTests : IClassFixture<TinyModel>, IDisposable
{
    private readonly TinyModel _model;
    private readonly string _folder;

    public ImageModelTests(TinyModel model)
    {
        _model = model;
        _folder = Directory.CreateDirectory(Path.Combine(model.Base, Path.GetRandomFileName())).FullName;
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Generate_WithAnImageModel_KeepsThePictureAndMakesAClipThatReplays()
    {
        string clip = Path.Combine(_folder, "out.mp4"), picture = Path.Combine(_folder, "out-first-frame.png");
        var run = await Cli.RunAsync("generate", "a red balloon", "--image-model", _model.Folder, "--model", _model.Folder, "--seed", "3", "-o", clip);
        run.ExitCode.ShouldBe(ExitCodes.Success, run.Error);
        VideoFrame first = ImageFile.Read(picture);
        (first.Width, first.Height).ShouldBe((TinyModel.Size, TinyModel.Size));
        GenerationManifest manifest = GenerationManifest.FromJson(Clip.Read(clip).Metadata[MediaMetadata.ManifestKey]);
        (manifest.Seed, manifest.Prompt, manifest.Input!.Kind, manifest.Input.Path).ShouldBe((3UL, "a red balloon", "image", picture));
        manifest.Input.Sha256.ShouldBe(GenerationManifest.HashFrames([first]));

        var replay = await Cli.RunAsync("replay", clip, "--verify", "--model", _model.Folder);
        replay.ExitCode.ShouldBe(ExitCodes.Success, replay.Error);
    }

    [Fact]
    public async Task DryRun_WithAnImageModel_WritesNothing()
    {
        var run = await Cli.RunAsync("generate", "a red balloon", "--image-model", _model.Folder, "--model", _model.Folder, "-o", Path.Combine(_folder, "out.mp4"), "--dry-run");
        run.ExitCode.ShouldBe(ExitCodes.Success, run.Error);
        Directory.EnumerateFileSystemEntries(_folder).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("--motion", "3", "motion")]
    [InlineData("--image-noise", "0.1", "image noise")]
    public async Task Generate_WithAnOptionThatTheModelDoesNotRead_IsRefused(string option, string value, string named)
    {
        var run = await Cli.RunAsync("generate", "a red balloon", "--model", _model.Folder, option, value, "-o", Path.Combine(_folder, "out.mp4"));
        run.ExitCode.ShouldBe(ExitCodes.Usage, run.Error);
        run.Error.ShouldContain($"takes no {named}");
        Directory.EnumerateFileSystemEntries(_folder).ShouldBeEmpty();
    }
}
