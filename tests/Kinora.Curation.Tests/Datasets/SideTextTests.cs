using Kinora.Curation.Datasets;
using Kinora.Curation.Decisions;
using Kinora.Curation.Scores;
using Kinora.Media;

namespace Kinora.Curation.Tests.Datasets;

public sealed class SideTextTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kinora-side-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Run_WithTextsBesideTheFootage_TakesThemAsCaptionsAndSaysWhereTheyAreFrom()
    {
        foreach (var (name, color) in new[] { ("text", 40), ("both", 90), ("json", 140), ("other", 190), ("broken", 215) }) { Film(name, color); }
        Write("footage/text.txt", "A red boat\n  on a lake.\n");
        Write("footage/both.txt", "Of the text file.");
        Write("footage/both.json", """{"caption":"of the JSON"}""");
        Write("footage/json.json", """{"caption":"A bird lands.","license":"cc0"}""");
        Write("footage/other.json", """{"fps":24}""");
        Write("footage/broken.json", """{"caption":7}""");
        var index = Run();
        index.SideTexts.ShouldBe(3);
        index.CaptionFailures.ShouldHaveSingleItem().ShouldBe(new SourceProblem("broken.json", "expected \"caption\" to be text, got Number"));
        var rows = File.ReadLines(Path.Combine(_root, "dataset", Workspace.ManifestName)).Select(ClipRow.FromJson).ToDictionary(row => row.Source);
        (rows["text.mp4"].Caption, rows["text.mp4"].CaptionBy, rows["text.mp4"].Given).ShouldBe(("A red boat on a lake.", "text.txt", "A red boat on a lake."));
        (rows["both.mp4"].Caption, rows["both.mp4"].CaptionBy).ShouldBe(("Of the text file.", "both.txt"));
        (rows["json.mp4"].Caption, rows["json.mp4"].CaptionBy).ShouldBe(("A bird lands.", "json.json"));
        foreach (string name in new[] { "other.mp4", "broken.mp4" }) { (rows[name].Caption, rows[name].CaptionBy, rows[name].Given).ShouldBe((rows[name].Measured, null, null)); }
        rows.Values.ShouldAllBe(row => row.Measured.Contains("shot", StringComparison.Ordinal));
        using (var dataset = DatasetReader.Open(Path.Combine(_root, "dataset"))) { Enumerable.Range(0, 5).Select(dataset.ReadCaption).ShouldContain("A bird lands."); }
        File.ReadLines(Path.Combine(_root, "dataset", Workspace.SourcesName)).Count(line => line.Contains("\"side_text\":\"json.json\"", StringComparison.Ordinal)).ShouldBe(1);
        VideoFolderExport.Write(Path.Combine(_root, "dataset"), Path.Combine(_root, "folder"));
        string exported = File.ReadAllText(Path.Combine(_root, "folder", "metadata.jsonl"));
        exported.ShouldContain("\"text\":\"A bird lands.\",\"text_by\":\"json.json\"");
        exported.ShouldContain("\"text_by\":\"measured\"");
    }

    [Fact]
    public void Run_WithAnotherText_ChangesTheCaptionAndMeasuresAgainOnlyWhatReadsIt()
    {
        Film("film", 90);
        Write("footage/film.txt", "One.");
        string first = Run().Root;
        Write("footage/film.txt", "Two.");
        Run().Root.ShouldNotBe(first);
        Result().Measured.ShouldBe(0);
        Write("footage/film.txt", "One.");
        Run().Root.ShouldBe(first);
        var options = new MeasureOptions();
        options.Key([], "One.").ShouldBe(options.Key([], "Two."));
        options.Key([new Reader()], "One.").ShouldNotBe(options.Key([new Reader()], "Two."));
    }

    [Theory]
    [InlineData("txt", new byte[] { 0xff, 0xfe, 0x80 }, "no UTF-8 text")]
    [InlineData("txt", new byte[] { 32, 10 }, "the text is empty")]
    [InlineData("json", new byte[] { (byte)'{' }, "no JSON")]
    public void Find_WhatIsNoCaption_NamesTheFileAndTheReason(string extension, byte[] content, string reason)
    {
        File.WriteAllBytes(Path.Combine(_root, $"film.{extension}"), content);
        var side = SideText.Find(Path.Combine(_root, "film.mp4"), "a/film.mp4").ShouldNotBeNull();
        side.File.ShouldBe($"a/film.{extension}");
        side.Problem.ShouldNotBeNull().ShouldContain(reason);
    }

    private DatasetIndex Run() => Result().Index!;

    private CurationResult Result() => new CurationRun(new CurationOptions
    {
        Output = Path.Combine(_root, "dataset"), Recipe = new Recipe { Measure = new MeasureOptions { Detector = "content", Threshold = 255 }, DuplicateBits = -1 },
    }).Run(Path.Combine(_root, "footage"));

    private void Film(string name, int color)
    {
        Directory.CreateDirectory(Path.Combine(_root, "footage"));
        VideoFrame Frame(int n)
        {
            byte[] rgb = new byte[64 * 64 * 3];
            for (int i = 0; i < rgb.Length; i++) { rgb[i] = (byte)(color + (20 * Math.Sin((i + (3 * n)) * 0.1))); }
            return new VideoFrame(64, 64, rgb);
        }
        new Clip([.. Enumerable.Range(0, 24).Select(Frame)], 24).Save(Path.Combine(_root, "footage", name + ".mp4"));
    }

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_root, name), text);

    private sealed class Reader : IClipScorer
    {
        public string Name => ScorerSlot.Clip;

        public string Identity => "none";

        public bool NeedsEarlier => false;

        public bool ReadsGivenText => true;

        public IClipScorerPass Begin() => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }
}
