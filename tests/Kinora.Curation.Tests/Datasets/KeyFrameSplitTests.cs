using Kinora.Curation.Datasets;
using Kinora.Curation.Decisions;
using Kinora.Curation.Scores;
using Kinora.Media;

namespace Kinora.Curation.Tests.Datasets;

public sealed class KeyFrameSplitTests : IDisposable
{
    private const int Fps = 24;
    private readonly string _root = Directory.CreateTempSubdirectory("kinora-keyframe-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Run_SplitByKeyFrame_CopiesWhatItCanAndSaysWhatEachFileCovers()
    {
        // A key frame stands every two seconds; the clips begin at 0, 2.5 and 5 s.
        string film = Path.Combine(_root, "film.mp4");
        new Clip([.. Enumerable.Range(0, 168).Select(i => Picture(i, i / 120))], Fps).Save(film);
        var exact = new Recipe { Measure = new MeasureOptions { Detector = "content", MinShotSeconds = 0.5, TrimFrames = 0, MaxClipSeconds = 3 }, DuplicateBits = -1 };
        var copied = exact with { Output = new OutputOptions { Split = SplitMode.KeyFrame } };
        Recipe.Parse(copied.ToJson()).Output.Split.ShouldBe(SplitMode.KeyFrame);
        (ClipRow[] Rows, DatasetIndex Index) Run(Recipe recipe, string name)
        {
            DatasetIndex made = new CurationRun(new CurationOptions { Output = Path.Combine(_root, name), Recipe = recipe }).Run(film).Index!;
            return ([.. File.ReadLines(Path.Combine(_root, name, Workspace.ManifestName)).Select(ClipRow.FromJson)], made);
        }
        var (whole, _) = Run(exact, "exact");
        whole.Select(r => (r.StartFrame, r.EndFrame)).ShouldBe([(0L, 60L), (60L, 120L), (120L, 168L)]);
        whole.ShouldAllBe(r => r.File.ActualStart == null && r.File.Frames == r.EndFrame - r.StartFrame);

        var (rows, index) = Run(copied, "copied");
        index.ClipFailures.ShouldBeEmpty();
        rows.Length.ShouldBe(3);
        foreach (var row in rows)
        {
            // Equal pictures at both ends, nothing outside of the clip, and what it covers is what it says.
            (row.File.FirstFramePsnr, row.File.LastFramePsnr).ShouldBe((99.0, 99.0));
            row.File.ActualStart!.Value.ShouldBeGreaterThanOrEqualTo(row.Start - 1e-3);
            row.File.ActualEnd!.Value.ShouldBeLessThanOrEqualTo(row.End + 1e-3);
            row.File.Frames.ShouldBe((int)Math.Round((row.File.ActualEnd.Value - row.File.ActualStart.Value) * Fps));
        }
        rows[0].File.ActualStart.ShouldBe(0);
        rows[1].File.ActualStart!.Value.ShouldBe(4.0, 1e-3);
        rows[2].File.ActualStart!.Value.ShouldBe(6.0, 1e-3);
        DatasetVerifier.Verify(Path.Combine(_root, "copied"), decode: true).ShouldBeEmpty();
        // The same bytes again.
        Run(copied, "again").Index.Root.ShouldBe(index.Root);
    }

    [Fact]
    public void Problem_KeyFramesAndAnotherSize_IsRefused() =>
        new Recipe { Output = new OutputOptions { Split = SplitMode.KeyFrame, MaxShortSide = 240 } }.Problem().ShouldNotBeNull().ShouldContain("max_short_side");

    private static VideoFrame Picture(int frame, int scene)
    {
        byte[] rgb = new byte[96 * 64 * 3], color = scene == 0 ? [180, 40, 40] : [60, 90, 210];
        for (int i = 0; i < rgb.Length; i++)
        {
            int x = i / 3 % 96, y = i / 3 / 96;
            rgb[i] = (byte)(color[i % 3] + (30 * Math.Sin((x + frame) * 0.2)) + (10 * Math.Sin(y * 0.3)));
        }
        return new VideoFrame(96, 64, rgb);
    }
}
