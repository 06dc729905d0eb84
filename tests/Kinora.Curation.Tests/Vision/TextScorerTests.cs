// Text that is drawn with known letters: found, read, and told apart from what was filmed.
using Kinora.Curation.Bench;
using Kinora.Curation.Scores;
using Kinora.Media;
using Kinora.Vision;
using Kinora.World;

namespace Kinora.Curation.Tests.Vision;

/// <summary>A test of reading text: skipped, and counted as skipped, where Tesseract or its data is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NeedsTextFactAttribute : FactAttribute
{
    public NeedsTextFactAttribute()
    {
        using var reader = LineReader.Open("eng", out string? unavailable);
        Skip = unavailable;
    }
}

public sealed class TextScorerTests : IDisposable
{
    private const int Width = 640, Height = 360, Fps = 12, Frames = 30;
    private readonly string _root = Directory.CreateTempSubdirectory("kinora-text-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [NeedsTextFact]
    public void Bench_OnTheWorld_FindsMostLinesAndMistakesNoOverlayForTheScene()
    {
        var report = TextBench.Run(16, []);
        report.Lines.ShouldBe(12);
        report.Found.ShouldBeGreaterThanOrEqualTo(9);
        report.Accepted.ShouldBeGreaterThanOrEqualTo(9);
        report.FalseText.ShouldBeLessThanOrEqualTo(1);
        report.Overlay[1].ShouldBe(0);
        report.Scene[0].ShouldBe(0);
        report.Still[0].ShouldBe(0);
        report.Still[1].ShouldBe(0);
        report.Overlay[0].ShouldBeGreaterThan(0);
        report.Scene[1].ShouldBeGreaterThan(0);
    }

    [NeedsTextFact]
    public void SubtitleOverAPan_IsReadAndCalledOverlay()
    {
        var clip = Measure("subtitle.mp4", (frame, bgr) => Lettering.Load().Draw(bgr, Width, "Station North", 0, 180, 320, 24, (250, 250, 250)), moving: true);
        clip.Text.ShouldHaveSingleItem().ShouldContain("Station");
        clip[ScoreNames.TextWords]!.Value.ShouldBe(2);
        // Two words of capitals of 24 pixels, about 300 wide, of 640 × 360.
        clip[ScoreNames.TextArea]!.Value!.Value.ShouldBe(0.03, 0.02);
        clip[ScoreNames.TextOverlay]!.Value.ShouldNotBeNull().ShouldBe(clip[ScoreNames.TextArea]!.Value!.Value, 1e-6);
        clip[ScoreNames.TextScene]!.Value.ShouldBe(0);
    }

    [NeedsTextFact]
    public void PictureWithoutText_HasNone_AndThatIsKnown()
    {
        var clip = Measure("plain.mp4", (_, _) => default, moving: true);
        clip[ScoreNames.TextArea]!.Value.ShouldBe(0);
        clip[ScoreNames.TextOverlay]!.Value.ShouldBe(0);
        clip.Text.ShouldBeEmpty();
    }

    [NeedsVisionFact]
    public void LanguageWithoutData_IsUnavailableWithTheRemedy()
    {
        using var reader = LineReader.Open("xyz", out string? unavailable);
        reader.ShouldBeNull();
        unavailable.ShouldNotBeNull().ShouldContain("install tesseract-ocr-xyz");
    }

    // Tesseract itself reads on with English alone and says nothing.
    [NeedsTextFact]
    public void SecondLanguageWithoutData_IsNotPassedOver_AndTheRecipeThatAsksForItIsRefused()
    {
        using var reader = LineReader.Open("eng+xyz_abc", out string? unavailable);
        reader.ShouldBeNull();
        unavailable.ShouldNotBeNull().ShouldEndWith("install tesseract-ocr-xyz-abc");
        Should.Throw<VisionException>(() => LocalScorers.Create(new MeasureOptions { TextLanguage = "eng+xyz_abc" })).Message.ShouldStartWith("measure.text_language: ");
    }

    [NeedsTextFact]
    public void TwoLanguages_AreReadTogether_AndTheirDataIsPartOfTheIdentity()
    {
        using var english = LineReader.Open("eng", out _);
        string folder = Path.GetDirectoryName(english!.DataFiles[0])!;
        File.Copy(Path.Combine(folder, "eng.traineddata"), Path.Combine(_root, "eng.traineddata"));
        File.Copy(Path.Combine(folder, "eng.traineddata"), Path.Combine(_root, "two.traineddata"));
        using var reader = LineReader.Open("two+eng", out string? unavailable, _root);
        unavailable.ShouldBeNull();
        reader!.DataFiles.Select(Path.GetFileName).ShouldBe(["two.traineddata", "eng.traineddata"]);
    }

    [Theory]
    [InlineData("eng", true)]
    [InlineData("chi_sim+eng", true)]
    [InlineData("../eng", false)]
    [InlineData("english", false)]
    [InlineData("eng,deu", false)]
    [InlineData("eng+", false)]
    [InlineData("", false)]
    public void NamesOfLanguages_AreThoseOfTesseract(string language, bool valid)
    {
        LineReader.IsLanguage(language).ShouldBe(valid);
        (new MeasureOptions { TextLanguage = language }.Problem() is null).ShouldBe(valid);
    }

    private ClipMeasures Measure(string name, Func<int, byte[], (int, int, int, int)> draw, bool moving)
    {
        const int canvasWidth = Width + (4 * Frames);
        byte[] canvas = new byte[canvasWidth * Height * 3 * 2];
        // A wood: full of edges, none of which is a letter.
        Renderer.Render(SceneSampler.Sample(2) with { Actors = [], Camera = CameraMove.Static }, canvasWidth, Height, 2, canvas);
        var frames = new List<VideoFrame>();
        for (int i = 0; i < Frames; i++)
        {
            byte[] bgr = new byte[Width * Height * 3];
            for (int y = 0; y < Height; y++) { canvas.AsSpan(3 * ((y * canvasWidth) + (moving ? 4 * i : 0)), 3 * Width).CopyTo(bgr.AsSpan(3 * y * Width)); }
            draw(i, bgr);
            for (int k = 0; k < bgr.Length; k += 3) { (bgr[k], bgr[k + 2]) = (bgr[k + 2], bgr[k]); }
            frames.Add(new VideoFrame(Width, Height, bgr));
        }
        string path = Path.Combine(_root, name);
        new Clip(frames, Fps).Save(path);
        using var text = TextScorer.Create(LineReader.DefaultLanguage, out _)!;
        return MeasurePass.Run(path, "00", new MeasureOptions { Detector = "content", Threshold = 255 }, [text]).Clips.ShouldHaveSingleItem();
    }
}
