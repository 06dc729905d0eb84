using Kinora.Curation.Datasets;
using Kinora.Curation.Decisions;
using Kinora.Curation.Scores;
using Kinora.Media;

namespace Kinora.Curation.Tests.Datasets;

public sealed class CaptionerTests : IDisposable
{
    // Answers with the name of the file that it was given, and has nothing to say about the second.
    private const string Script = """
        echo '{"model":"shell 1"}'
        n=0
        while read -r line; do
          n=$((n+1))
          path=${line#*\"clip\":\"}; path=${path%%\"*}
          test -s "$path" || exit 3
          if [ $n = 2 ]; then echo '{"error":"nothing to see"}'; else echo "{\"caption\":\"a file  of $(basename "$path" | cut -c1-8)\"}"; fi
        done
        """;

    private readonly string _root = Directory.CreateTempSubdirectory("kinora-caption-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Run_WithACaptioner_KeepsItsWordsApartFromWhatWasMeasured()
    {
        string command = $"sh '{Write(Script)}'";
        DatasetIndex index;
        using (var captioner = ExternalCaptioner.Start(command))
        {
            captioner.Model.ShouldBe("shell 1");
            index = Run(captioner);
        }
        index.Captioner.ShouldBe("shell 1");
        index.CaptionFailures.ShouldHaveSingleItem().Reason.ShouldContain("nothing to see");
        ClipRow[] rows = [.. File.ReadLines(Path.Combine(_root, "dataset", Workspace.ManifestName)).Select(ClipRow.FromJson)];
        rows.Length.ShouldBe(3);
        foreach (var row in rows)
        {
            row.Measured.ShouldContain("shot");
            row.Caption.ShouldBe(row.CaptionBy is null ? row.Measured : $"a file of {row.Id.ToString()[..8]}");
        }
        rows.Count(row => row.CaptionBy == "shell 1").ShouldBe(2);
        using var dataset = DatasetReader.Open(Path.Combine(_root, "dataset"));
        dataset.ReadCaption(0).ShouldBe(rows[0].Caption);

        // What was said is kept: a model that may not be asked again gives the same dataset.
        using var silent = ExternalCaptioner.Start("echo '{\"model\":\"shell 1\"}'; cat > /dev/null");
        Run(silent).Root.ShouldBe(index.Root);
        // Without a model the captions are the measured ones.
        Run(null).Captioner.ShouldBeNull();
        File.ReadLines(Path.Combine(_root, "dataset", Workspace.ManifestName)).Select(ClipRow.FromJson).ShouldAllBe(row => row.Caption == row.Measured);
    }

    [Theory]
    [InlineData("echo hello", "a line of JSON")]
    [InlineData("echo '{\"caption\":\"early\"}'", "model")]
    [InlineData("echo no such model >&2; exit 7", "code 7")]
    public void Start_WhatDoesNotSpeakTheProtocol_IsRefusedWithWhatItSaid(string command, string said)
    {
        var failure = Should.Throw<CaptionException>(() => ExternalCaptioner.Start(command));
        failure.Fatal.ShouldBeTrue();
        failure.Message.ShouldContain(said);
    }

    [Fact]
    public void Caption_OfAProgramThatDied_EndsTheRunWithItsLastWords()
    {
        using var captioner = ExternalCaptioner.Start("echo '{\"model\":\"m\"}'; read line; echo out of memory >&2; exit 1");
        Should.Throw<CaptionException>(() => Run(captioner)).Message.ShouldContain("out of memory");
    }

    private DatasetIndex Run(ICaptioner? captioner)
    {
        string film = Path.Combine(_root, "film.mp4");
        if (!File.Exists(film)) { new Clip([.. Enumerable.Range(0, 72).Select(i => Plain(i, i / 24))], 24).Save(film); }
        var recipe = new Recipe { Measure = new MeasureOptions { Detector = "content", MinShotSeconds = 0.5, TrimFrames = 0 }, DuplicateBits = -1 };
        return new CurationRun(new CurationOptions { Output = Path.Combine(_root, "dataset"), Recipe = recipe, Captioner = captioner }).Run(film).Index!;
    }

    private string Write(string script)
    {
        string path = Path.Combine(_root, "captioner.sh");
        File.WriteAllText(path, script);
        return path;
    }

    private static VideoFrame Plain(int frame, int scene)
    {
        byte[] rgb = new byte[64 * 64 * 3], color = scene == 0 ? [200, 30, 30] : scene == 1 ? [30, 60, 30] : [90, 90, 220];
        for (int i = 0; i < rgb.Length; i++) { rgb[i] = (byte)(color[i % 3] + (20 * Math.Sin((i + (3 * frame)) * 0.1))); }
        return new VideoFrame(64, 64, rgb);
    }
}
