using System.Text.Json;
using Kinora.Cli.Shell;
using Kinora.Media;

namespace Kinora.Cli.Tests;

public sealed class CurateCommandTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kinora-cli-cuts-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task Cuts_OfTwoColors_AreFoundAndWrittenInEveryFormat()
    {
        string film = Film("film.mp4", 20, 30);
        string Out(string name) => Path.Combine(_root, name);
        var outcome = await Cli.RunAsync("curate", "cuts", film, "--json", "--csv", Out("a.csv"), "--stats", Out("s.csv"), "--edl", Out("a.edl"), "--otio", Out("a.otio"), "--html", Out("a.html"));
        outcome.ExitCode.ShouldBe(ExitCodes.Success, outcome.Error);
        using var result = JsonDocument.Parse(outcome.Output);
        result.RootElement.GetProperty("cuts").EnumerateArray().Select(c => c.GetInt64()).ShouldBe([20]);
        (await File.ReadAllTextAsync(Out("a.csv"))).ShouldContain("2,21,00:00:00.800,0.800,50,00:00:02.000,2.000,30,00:00:01.200,1.200");
        (await File.ReadAllLinesAsync(Out("s.csv"))).Length.ShouldBe(51);
        (await File.ReadAllTextAsync(Out("a.edl"))).ShouldContain("002  AX       V     C        00:00:00:20 00:00:02:00");
        using var timeline = JsonDocument.Parse(await File.ReadAllTextAsync(Out("a.otio")));
        timeline.RootElement.GetProperty("tracks").GetProperty("children")[0].GetProperty("children").GetArrayLength().ShouldBe(2);
        (await File.ReadAllTextAsync(Out("a.otio"))).ShouldContain($"\"target_url\": \"{new Uri(film).AbsoluteUri}\"");
        (await File.ReadAllTextAsync(Out("a.html"))).ShouldContain("shot 2");
    }

    [Fact]
    public async Task Curate_AFolder_WritesADatasetThatVerifiesAndExplains()
    {
        string corpus = Path.Combine(_root, "corpus"), dataset = Path.Combine(_root, "dataset"), recipe = Path.Combine(_root, "recipe.json");
        Directory.CreateDirectory(corpus);
        Film(Path.Combine("corpus", "film.mp4"), 30, 40);
        await File.WriteAllTextAsync(recipe, """{"rules":[{"score":"length.seconds","min":1.4}]}""");
        var outcome = await Cli.RunAsync("curate", corpus, "-o", dataset, "--recipe", recipe, "--json");
        outcome.ExitCode.ShouldBe(ExitCodes.Success, outcome.Error);
        using var index = JsonDocument.Parse(outcome.Output);
        index.RootElement.GetProperty("clips").GetInt32().ShouldBe(2);
        index.RootElement.GetProperty("kept").GetInt32().ShouldBe(1);
        (await File.ReadAllTextAsync(Path.Combine(dataset, "report.html"))).ShouldContain("film.mp4");
        (await Cli.RunAsync("curate", "verify", dataset, "--decode")).ExitCode.ShouldBe(ExitCodes.Success);
        string export = Path.Combine(_root, "export");
        (await Cli.RunAsync("curate", "export", dataset, "-o", export)).ExitCode.ShouldBe(ExitCodes.Success);
        Directory.EnumerateFiles(export).Select(Path.GetExtension).Order(StringComparer.Ordinal).ShouldBe([".jsonl", ".mp4"]);
        string dropped = (await File.ReadAllLinesAsync(Path.Combine(dataset, "decisions.jsonl"))).Single(line => line.Contains("\"keep\":false", StringComparison.Ordinal));
        string id = JsonDocument.Parse(dropped).RootElement.GetProperty("clip").GetString()!;
        (await Cli.RunAsync("curate", "explain", dataset, id)).Output.ShouldContain("because length.seconds");
    }

    [Fact]
    public async Task Curate_OfFilesThatAreNoVideos_NamesThemAndFails()
    {
        string corpus = Directory.CreateDirectory(Path.Combine(_root, "corpus")).FullName;
        await File.WriteAllTextAsync(Path.Combine(corpus, "notes.mp4"), "words");
        var outcome = await Cli.RunAsync("curate", corpus, "-o", Path.Combine(_root, "dataset"));
        outcome.ExitCode.ShouldBe(ExitCodes.Input);
        outcome.Error.ShouldContain("skipped notes.mp4");
        outcome.Error.ShouldContain("none of the files could be used");
    }

    [Theory]
    [InlineData("--shard", "2/2", "0/8")]
    [InlineData("--recipe", "{\"rules\":[{\"score\":\"beauty\"}]}", "beauty")]
    [InlineData("--recipe", "{\"thresholds\":1}", "thresholds")]
    public async Task Curate_WithAnImpossibleOption_SaysWhatIsExpected(string option, string value, string expected)
    {
        if (option == "--recipe")
        {
            await File.WriteAllTextAsync(Path.Combine(_root, "r.json"), value);
            value = Path.Combine(_root, "r.json");
        }
        var outcome = await Cli.RunAsync("curate", _root, "-o", Path.Combine(_root, "dataset"), option, value);
        outcome.ExitCode.ShouldBeOneOf(ExitCodes.Usage, ExitCodes.Input);
        outcome.Error.ShouldContain(expected);
    }

    [Fact]
    public async Task Cuts_WithImpossibleLength_AreRefused()
    {
        var outcome = await Cli.RunAsync("curate", "cuts", Film("film.mp4", 2, 2), "--min-length", "long");
        outcome.ExitCode.ShouldBe(ExitCodes.Usage);
        outcome.Error.ShouldContain("0.6s");
    }

    [Fact]
    public async Task Cuts_OfAText_SayThatItIsNoVideo()
    {
        string text = Path.Combine(_root, "film.mp4");
        await File.WriteAllTextAsync(text, "no video");
        (await Cli.RunAsync("curate", "cuts", text)).ExitCode.ShouldBe(ExitCodes.Input);
    }

    // Red, then blue, at 25 frames per second.
    private string Film(string name, int red, int blue)
    {
        const int side = 32;
        string path = Path.Combine(_root, name);
        VideoFrame Plain(int channel)
        {
            byte[] rgb = new byte[side * side * 3];
            for (int i = channel; i < rgb.Length; i += 3) { rgb[i] = 200; }
            return new VideoFrame(side, side, rgb);
        }
        new Clip([.. Enumerable.Repeat(Plain(0), red), .. Enumerable.Repeat(Plain(2), blue)], 25).Save(path);
        return path;
    }
}
