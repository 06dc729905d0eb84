// Against PySceneDetect 0.7.1 on the synthetic clip of Fixtures/Golden/scenedetect: scenes and per-frame numbers.
using Kinora.Curation.Frames;
using Kinora.Curation.Shots;
using Kinora.Media;

namespace Kinora.Curation.Tests.Shots;

public sealed class GoldenDetectorTests
{
    private const int Frames = 120, Width = 56, Height = 40;
    private const double Tolerance = 1e-6;
    private static readonly GoldenFile Golden = GoldenFile.Open("scenedetect");

    public static TheoryData<string, IShotDetector> Detectors() => new()
    {
        { "content_27", new ContentDetector(new ContentOptions()) },
        { "content_27_min5", new ContentDetector(new ContentOptions { MinLength = 5 }) },
        { "content_15_suppress", new ContentDetector(new ContentOptions { Threshold = 15, FlashFilter = FlashFilterMode.Suppress }) },
        { "content_27_luma", new ContentDetector(new ContentOptions { Weights = ContentWeights.LumaOnly }) },
        { "content_edges", new ContentDetector(new ContentOptions { Weights = new ContentWeights(1, 1, 1, 1) }) },
        { "adaptive", new AdaptiveDetector(new AdaptiveOptions()) },
        { "threshold_12", new ThresholdDetector(new ThresholdOptions()) },
        { "hash", new HashDetector(new HashOptions()) },
        { "histogram", new HistogramDetector(new HistogramOptions()) },
    };

    [Theory]
    [MemberData(nameof(Detectors))]
    public void Scenes_OfTheGoldenClip_AreThoseOfPySceneDetect(string name, IShotDetector detector)
    {
        long[] expected = Golden.Array<long>($"out.scenes_{name}");
        long[] cuts = [.. Run(detector).Cuts];
        long[] edges = [0, .. cuts, Frames];
        edges.Zip(edges.Skip(1)).SelectMany(pair => new[] { pair.First, pair.Second }).ShouldBe(expected, name);
    }

    [Fact]
    public void Numbers_OfEveryFrame_AreThoseOfPySceneDetect()
    {
        var trace = Run(new AdaptiveDetector(new AdaptiveOptions { RecordEdges = true }));
        Compare(trace, "content_val", "content_val");
        Compare(trace, "delta_hue", "delta_hue");
        Compare(trace, "delta_sat", "delta_sat");
        Compare(trace, "delta_lum", "delta_lum");
        Compare(trace, "delta_edges", "delta_edges");
        Compare(trace, "adaptive_ratio", "adaptive_ratio");
        Compare(Run(new ThresholdDetector(new ThresholdOptions())), "average_rgb", "average_rgb");
    }

    [Fact]
    public void Hsv_OfTwoFrames_IsThatOfOpenCv()
    {
        byte[] expected = Golden.Array<byte>("out.hsv_frames_0_mid"); // [2, H, W, 3]
        int pixels = Width * Height;
        int at = 0;
        foreach (int frame in new[] { 0, Frames / 2 })
        {
            byte[] h = new byte[pixels], s = new byte[pixels], v = new byte[pixels];
            ColorPlanes.Hsv(Bgr(frame), h, s, v);
            for (int i = 0; i < pixels; i++, at += 3) { (h[i], s[i], v[i]).ShouldBe((expected[at], expected[at + 1], expected[at + 2])); }
        }
    }

    [Fact]
    public void File_OfTheSameFrames_GivesTheSameCuts()
    {
        var list = ShotDetection.Run(Fixture.Path("Golden/scenedetect/video_ffv1.mkv"), new ContentDetector(new ContentOptions()));
        list.Cuts.ShouldBe(Run(new ContentDetector(new ContentOptions())).Cuts);
        list.Frames.ShouldBe(Frames);
    }

    private static void Compare(ShotTrace trace, string metric, string golden)
    {
        double[] expected = Golden.Array<double>($"out.metric_{golden}");
        for (int i = 0; i < Frames; i++)
        {
            if (trace.Metric(metric, i) is { } value) { value.ShouldBe(expected[i], Tolerance, $"{metric} of frame {i}"); }
            else { expected[i].ShouldBe(0, $"{metric} of frame {i} is missing"); }
        }
    }

    private static ShotTrace Run(IShotDetector detector)
    {
        var graph = new FrameGraph(Width, Height);
        var trace = new ShotTrace();
        for (int i = 0; i < Frames; i++)
        {
            graph.Load(Bgr(i), i, new Rational(i, 25));
            detector.Process(graph, trace);
        }
        detector.Finish(Frames - 1, trace);
        return trace;
    }

    private static byte[] Bgr(int frame)
    {
        byte[] picture = Golden.Array<byte>("in.frames_rgb")[(frame * Width * Height * 3)..((frame + 1) * Width * Height * 3)];
        for (int i = 0; i < picture.Length; i += 3) { (picture[i], picture[i + 2]) = (picture[i + 2], picture[i]); }
        return picture;
    }
}
