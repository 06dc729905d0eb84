using Kinora.Cli.Shell;

namespace Kinora.Cli.Tests;

public sealed class WorldCommandTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kinora-cli-world-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task World_TwoClips_WritesThemAndPrintsTheFolder()
    {
        string folder = Path.Combine(_root, "clips");
        var outcome = await Cli.RunAsync("world", "-o", folder, "--count", "2", "--size", "32x16", "--frames", "3");
        outcome.ExitCode.ShouldBe(ExitCodes.Success, outcome.Error);
        outcome.Output.Trim().ShouldBe(folder);
        Directory.EnumerateFiles(folder, "*.mp4").Count().ShouldBe(2);
        File.Exists(Path.Combine(folder, "contact-sheet.png")).ShouldBeTrue();
        outcome.Error.ShouldContain("32x16");
    }

    [Theory]
    [InlineData("--size", "65x64", "64 and 66")]
    [InlineData("--size", "large", "64x64")]
    [InlineData("--count", "0", "count")]
    [InlineData("--fps", "-1", "frames per second")]
    [InlineData("--split", "test", "train or heldout")]
    [InlineData("--camera", "1.5", "probability")]
    public async Task World_ImpossibleOption_IsRefusedAndNothingIsWritten(string option, string value, string expected)
    {
        var outcome = await Cli.RunAsync("world", "-o", Path.Combine(_root, "clips"), option, value);
        outcome.ExitCode.ShouldBe(ExitCodes.Usage);
        outcome.Error.ShouldContain(expected);
        Directory.EnumerateFileSystemEntries(_root).ShouldBeEmpty();
    }

    [Fact]
    public async Task World_FolderWithFiles_IsRefused()
    {
        await File.WriteAllTextAsync(Path.Combine(_root, "mine.txt"), "keep");
        var outcome = await Cli.RunAsync("world", "-o", _root);
        outcome.ExitCode.ShouldBe(ExitCodes.Input);
        outcome.Error.ShouldContain("not empty");
    }

    [Fact]
    public async Task WorldAtlas_MissingFont_SaysHowToInstallIt()
    {
        var outcome = await Cli.RunAsync("world", "atlas", "--font", Path.Combine(_root, "none.ttf"));
        outcome.ExitCode.ShouldBe(ExitCodes.Input);
        outcome.Error.ShouldContain("apt-get install fonts-noto-color-emoji");
    }
}
