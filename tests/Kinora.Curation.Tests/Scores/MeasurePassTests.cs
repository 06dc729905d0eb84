// Scores of clips whose content is known by construction.
using Kinora.Curation.Scores;
using Kinora.Curation.Tests.Vision;
using Kinora.Media;

namespace Kinora.Curation.Tests.Scores;

public sealed class MeasurePassTests : IDisposable
{
    private const int Width = 128, Height = 80, Fps = 24, Frames = 48;
    private readonly string _root = Directory.CreateTempSubdirectory("kinora-measure-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Pan_OfTwoPixelsAFrame_IsMeasuredAsThatPan()
    {
        var clip = Measure("pan.mp4", frame => Texture(2 * frame));
        // Content moves left, the camera right: 2 of 128 pixels, 24 times a second.
        clip[ScoreNames.Pan]!.Value!.Value.ShouldBe(100.0 * 2 * Fps / Width, 2);
        Math.Abs(clip[ScoreNames.Tilt]!.Value!.Value).ShouldBeLessThan(1);
        clip[ScoreNames.ObjectMotion]!.Value!.Value.ShouldBeLessThan(clip[ScoreNames.CameraMotion]!.Value!.Value / 4);
        clip[ScoreNames.FreezeShare]!.Value.ShouldBe(0);
        clip[ScoreNames.CodecMotion]!.Value.ShouldNotBeNull();
    }

    [NeedsVisionFact]
    public void Pan_ByOpticalFlow_IsThatPanToo_AndBothFlowsAgree()
    {
        using var flow = new OpenCvFlowScorer();
        var clip = Measure("pan.mp4", Texture, flow);
        clip[ScoreNames.Pan]!.Value!.Value.ShouldBe(100.0 * Fps / Width, 0.5);
        double diagonal = Math.Sqrt((Width * Width) + (Height * Height));
        clip[ScoreNames.DisMotion]!.Value!.Value.ShouldBe(100.0 * Fps / diagonal, 0.5);
        clip[ScoreNames.FarnebackMotion]!.Value!.Value.ShouldBe(100.0 * Fps / diagonal, 0.5);
        clip[ScoreNames.DisMotion]!.Confidence.ShouldBeGreaterThan(0.6);
    }

    [NeedsVisionFact]
    public void FlatPictures_HaveUnknownMotionByEveryFlow()
    {
        using var flow = new OpenCvFlowScorer();
        var clip = Measure("flat.mp4", _ => [.. Enumerable.Repeat((byte)90, Width * Height * 3)], flow);
        foreach (string name in new[] { ScoreNames.DisMotion, ScoreNames.FarnebackMotion, ScoreNames.CameraMotion, ScoreNames.Pan }) { clip[name]!.Value.ShouldBeNull(name); }
        clip[ScoreNames.RaftMotion]!.Unavailable!.ShouldContain("--weights");
    }

    [Fact]
    public void StillAndBlackHalves_AreMeasuredAsFrozenAndBlack()
    {
        var clip = Measure("still.mp4", frame => frame < Frames / 2 ? new byte[Width * Height * 3] : Texture(0));
        clip[ScoreNames.BlackShare]!.Value!.Value.ShouldBe(0.5, 0.05);
        clip[ScoreNames.FreezeShare]!.Value!.Value.ShouldBeGreaterThan(0.9);
        clip[ScoreNames.Seconds]!.Value!.Value.ShouldBe((double)Frames / Fps, 1e-6);
    }

    [Fact]
    public void CodecWithoutVectors_IsUnknownAndNotStill()
    {
        var clip = Measure("pan.webm", frame => Texture(2 * frame));
        clip[ScoreNames.CodecMotion]!.Value.ShouldBeNull();
        clip[ScoreNames.CodecMotion]!.Unavailable!.ShouldContain("codec");
        clip[ScoreNames.VmafMotion]!.Value!.Value.ShouldBeGreaterThan(1);
    }

    [Fact]
    public void FileThatIsNoVideo_IsARecordWithItsReason()
    {
        string path = Path.Combine(_root, "text.mp4");
        File.WriteAllText(path, "text");
        var measures = MeasurePass.Run(path, "00", new MeasureOptions());
        measures.Clips.ShouldBeEmpty();
        measures.Failure.ShouldNotBeNull().ShouldContain("NotMedia");
        SourceMeasures.FromJson(measures.ToJson()).Failure.ShouldBe(measures.Failure);
    }

    // One clip: nothing in it is a cut to a detector that cannot see any.
    private ClipMeasures Measure(string name, Func<int, byte[]> picture, params IReadOnlyList<IClipScorer> scorers)
    {
        string path = Path.Combine(_root, name);
        new Clip([.. Enumerable.Range(0, Frames).Select(i => new VideoFrame(Width, Height, picture(i)))], Fps).Save(path);
        var measures = MeasurePass.Run(path, "00", new MeasureOptions { Detector = "content", Threshold = 255 }, scorers);
        measures.Failure.ShouldBeNull();
        return measures.Clips.ShouldHaveSingleItem();
    }

    private static byte[] Texture(int shift)
    {
        byte[] rgb = new byte[Width * Height * 3];
        for (int y = 0; y < Height; y++)
        {
            for (int x = 0; x < Width; x++)
            {
                double u = x + shift;
                byte value = (byte)(128 + (40 * Math.Sin((0.33 * u) + (0.19 * y))) + (40 * Math.Sin((0.21 * u) - (0.37 * y) + 1)) + (30 * Math.Sin((0.083 * u) + (0.09 * y))));
                rgb.AsSpan(((y * Width) + x) * 3, 3).Fill(value);
            }
        }
        return rgb;
    }
}
