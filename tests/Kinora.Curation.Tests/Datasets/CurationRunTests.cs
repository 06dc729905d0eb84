using System.Globalization;
using Kinora.Curation.Datasets;
using Kinora.Curation.Decisions;
using Kinora.Curation.Scores;
using Kinora.Media;
using Kinora.World;
using Kinora.World.Datasets;

namespace Kinora.Curation.Tests.Datasets;

public sealed class CurationRunTests : IDisposable
{
    private const int Side = 64, Frames = 16;
    private const double Fps = 8;
    private readonly string _root = Directory.CreateTempSubdirectory("kinora-curation-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Run_OnJoinedClips_RecoversEachAndNamesWhatItCouldNotUse()
    {
        string corpus = Corpus();
        var result = Run(corpus, "dataset");
        DatasetIndex index = result.Index.ShouldNotBeNull();
        index.Sources.ShouldBe(4);
        index.ExactDuplicates.ShouldBe(1);
        index.Failures.ShouldHaveSingleItem().Name.ShouldBe("notes.mp4");
        index.Damaged.ShouldHaveSingleItem().Name.ShouldBe("torn.mp4");
        index.ClipFailures.ShouldBeEmpty();
        // The joined film has three scenes; the torn one is a part of it and looks the same.
        var film = result.Sources.Single(s => s.File.Name == "a/film.mp4").Measures;
        film.Clips.Select(c => c.StartFrame).ShouldBe([0, Frames, 2 * Frames]);
        index.Kept.ShouldBe(3);
        DatasetVerifier.Verify(Path.Combine(_root, "dataset"), decode: true).ShouldBeEmpty();
        var row = File.ReadLines(Path.Combine(_root, "dataset", Workspace.ManifestName)).Select(ClipRow.FromJson).First();
        row.File.Frames.ShouldBe(Frames);
        row.Caption.ShouldEndWith(".");
        ClipExplanation.Of(Path.Combine(_root, "dataset"), row.Id.ToString()[..8]).ToText().ShouldContain("kept");
    }

    [Fact]
    public void Run_StoppedAndContinued_GivesTheSameBytes()
    {
        string corpus = Corpus();
        string whole = Run(corpus, "whole").Index!.Root;
        // What a killed process leaves: finished pieces, a claim of a process that is gone, an unfinished file.
        Run(corpus, "killed");
        string killed = Path.Combine(_root, "killed");
        File.Delete(Path.Combine(killed, Workspace.IndexName));
        Directory.Delete(Path.Combine(killed, Workspace.ShardsName), recursive: true);
        File.Delete(Directory.EnumerateFiles(Path.Combine(killed, "work", "measures")).Order(StringComparer.Ordinal).First());
        File.Delete(Directory.EnumerateFiles(Path.Combine(killed, "work", "clips"), "*.json").Order(StringComparer.Ordinal).First());
        File.WriteAllText(Path.Combine(killed, "work", "leases", "assemble.lease"), $"{Environment.MachineName}\n{int.MaxValue}\n");
        Run(corpus, "killed").Index!.Root.ShouldBe(whole);
        foreach (string name in new[] { Workspace.IndexName, Workspace.ManifestName, Workspace.ScoresName, Workspace.DecisionsName, Workspace.SourcesName })
        {
            File.ReadAllText(Path.Combine(killed, name)).ShouldBe(File.ReadAllText(Path.Combine(_root, "whole", name)), name);
        }
    }

    [Fact]
    public void Run_WithAnotherThreshold_MeasuresNothingAgain()
    {
        string corpus = Corpus();
        Run(corpus, "dataset").Measured.ShouldBe(3);
        var strict = Recipe() with { Rules = [new Rule { Score = ScoreNames.Seconds, Min = 100 }] };
        var result = Run(corpus, "dataset", strict);
        result.Measured.ShouldBe(0);
        result.Index!.Kept.ShouldBe(0);
        result.Decisions.ShouldAllBe(d => d.Reasons[0].Rule == ScoreNames.Seconds);
    }

    [Fact]
    public void Run_InParts_IsCompleteAfterTheLast()
    {
        string corpus = Corpus();
        CurationResult Part(int part) => new CurationRun(new CurationOptions { Output = Path.Combine(_root, "parts"), Recipe = Recipe(), Part = part, Parts = 2 }).Run(corpus);
        var results = new[] { Part(0), Part(1), Part(0), Part(1), Part(0) };
        results.Last(r => r.Index is not null).Index!.Root.ShouldBe(Run(corpus, "whole").Index!.Root);
        results.Sum(r => r.Measured).ShouldBe(3);
    }

    [Fact]
    public void Run_OnFootageWithDatasetsInIt_LeavesTheirPiecesAlone()
    {
        string corpus = Corpus(), inside = Path.Combine(corpus, "dataset");
        string root = Run(corpus, inside).Index!.Root;
        Run(corpus, inside).Index!.Sources.ShouldBe(4);
        var other = Run(corpus, "other").Index!;
        (other.Sources, other.Root).ShouldBe((4, root));
    }

    [Fact]
    public void Run_OnAFolderWithoutVideos_LeavesNothingBehind()
    {
        string empty = Directory.CreateDirectory(Path.Combine(_root, "empty")).FullName, file = Path.Combine(_root, "file");
        Should.Throw<FileNotFoundException>(() => Run(empty, "dataset")).Message.ShouldContain("no video");
        Directory.Exists(Path.Combine(_root, "dataset")).ShouldBeFalse();
        File.WriteAllText(file, "");
        Should.Throw<IOException>(() => Run(Corpus(), "file")).Message.ShouldContain("it is a file");
    }

    [Fact]
    public void Verify_OfAChangedShard_SaysWhich()
    {
        Run(Corpus(), "dataset");
        string shard = Directory.EnumerateFiles(Path.Combine(_root, "dataset", Workspace.ShardsName)).First();
        byte[] content = File.ReadAllBytes(shard);
        content[1000] ^= 1;
        File.WriteAllBytes(shard, content);
        DatasetVerifier.Verify(Path.Combine(_root, "dataset"), decode: false).ShouldNotBeEmpty();
    }

    private CurationResult Run(string corpus, string output, Recipe? recipe = null) =>
        new CurationRun(new CurationOptions { Output = Path.Combine(_root, output), Recipe = recipe ?? Recipe() }).Run(corpus);

    private static Recipe Recipe() => Kinora.Curation.Decisions.Recipe.Default with { Measure = new MeasureOptions { TrimFrames = 0, MinShotSeconds = 0.5 }, Rules = [new Rule { Score = ScoreNames.Seconds, Min = 0.5 }] };

    // A film of three scenes, a copy of it, one broken off, and a text under a video's name.
    private string Corpus()
    {
        string folder = Path.Combine(_root, "corpus");
        if (Directory.Exists(folder)) { return folder; }
        Directory.CreateDirectory(Path.Combine(folder, "a"));
        string film = Path.Combine(folder, "a", "film.mp4");
        var frames = new List<VideoFrame>();
        for (int i = 0; i < 3; i++)
        {
            var scene = DatasetWriter.SceneOf(new DatasetOptions { Width = Side, Height = Side, Frames = Frames, Fps = Fps }, 10 + (7 * i));
            byte[] rgb = new byte[Frames * Side * Side * 3];
            Renderer.Render(scene, Side, Side, Frames, rgb);
            frames.AddRange(rgb.Chunk(Side * Side * 3).Select(frame => new VideoFrame(Side, Side, frame)));
        }
        new Clip(frames, Fps).Save(film);
        File.Copy(film, Path.Combine(folder, "copy.mp4"));
        byte[] content = File.ReadAllBytes(film);
        File.WriteAllBytes(Path.Combine(folder, "torn.mp4"), content[..(content.Length * 3 / 4)]);
        File.WriteAllText(Path.Combine(folder, "notes.mp4"), string.Create(CultureInfo.InvariantCulture, $"not a film, {frames.Count} words"));
        return folder;
    }
}
