// Shot detectors against PySceneDetect 0.7.1, on frames.
// Names of outputs: scenes_<detector>[_<threshold>][_min<frames>][_suppress][_luma][_edges]; metric_<number of every frame>, 0 where there is none.

using System.Globalization;
using Kinora.Curation.Frames;
using Kinora.Curation.Shots;
using Kinora.Engine;
using Kinora.Media;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>Runs golden/metrics/scenedetect.</summary>
internal sealed class SceneDetectRunner : IFixtureRunner
{
    private const string Scenes = "out.scenes_", Metric = "out.metric_", Brightness = "average_rgb";
    private const int FramesPerSecond = 25;

    /// <inheritdoc/>
    public IReadOnlyList<string> Classes { get; } = ["scenedetect 0.7.1 detectors"];

    /// <inheritdoc/>
    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        Tensor frames = fixture.Input("frames_rgb");                                             // [N, H, W, 3]
        byte[] rgb = frames.ToArray<byte>();
        var (count, height, width, _) = frames.Dims4();
        foreach (string name in fixture.Expected.Where(n => n.StartsWith(Scenes, StringComparison.Ordinal)))
        {
            long[] edges = [0, .. Detect(DetectorOf(name[Scenes.Length..])).Cuts, count];
            outputs.Add(name, Tensor.FromArray<long>([.. edges.Zip(edges.Skip(1)).SelectMany(pair => new[] { pair.First, pair.Second })], edges.Length - 1, 2));
        }
        var tolerance = new Tolerance(fixture.Meta.GetProperty("tolerance_advice").GetProperty("metrics_abs").GetDouble());
        ShotTrace content = Detect(new AdaptiveDetector(new AdaptiveOptions { RecordEdges = true })), brightness = Detect(new ThresholdDetector(new ThresholdOptions()));
        foreach (string name in fixture.Expected.Where(n => n.StartsWith(Metric, StringComparison.Ordinal)))
        {
            string metric = name[Metric.Length..];
            ShotTrace trace = metric == Brightness ? brightness : content;
            outputs.Add(name, Tensor.FromArray<double>([.. Enumerable.Range(0, (int)count).Select(i => trace.Metric(metric, i) ?? 0)], count), tolerance);
        }
        outputs.Add("out.hsv_frames_0_mid", Tensor.FromArray<byte>([.. Hsv(0), .. Hsv((int)count / 2)], 2, height, width, 3));

        ShotTrace Detect(IShotDetector detector)
        {
            var graph = new FrameGraph((int)width, (int)height);
            var trace = new ShotTrace();
            for (int i = 0; i < count; i++)
            {
                graph.Load(Bgr(i), i, new Rational(i, FramesPerSecond));
                detector.Process(graph, trace);
            }
            detector.Finish(count - 1, trace);
            return trace;
        }

        byte[] Bgr(int frame)
        {
            int size = (int)(width * height * 3);
            byte[] picture = rgb[(frame * size)..((frame + 1) * size)];
            for (int i = 0; i < size; i += 3)
            {
                (picture[i], picture[i + 2]) = (picture[i + 2], picture[i]);
            }
            return picture;
        }

        byte[] Hsv(int frame)
        {
            var graph = new FrameGraph((int)width, (int)height);
            graph.Load(Bgr(frame), frame, new Rational(frame, FramesPerSecond));
            byte[] h = graph.Hue.ToArray(), s = graph.Saturation.ToArray(), v = graph.Value.ToArray();
            return [.. Enumerable.Range(0, h.Length).SelectMany(i => new[] { h[i], s[i], v[i] })];
        }
    }

    private static IShotDetector DetectorOf(string name)
    {
        string[] words = name.Split('_');
        double? threshold = words.Skip(1).Select(w => double.TryParse(w, CultureInfo.InvariantCulture, out double t) ? t : (double?)null).FirstOrDefault(t => t is not null);
        long minimum = words.Where(w => w.StartsWith("min", StringComparison.Ordinal)).Select(w => long.Parse(w[3..], CultureInfo.InvariantCulture)).FirstOrDefault(new DetectorSettings().MinLength);
        if (words[0] == "content" && words.Contains("edges"))
        {
            return new ContentDetector(new ContentOptions { Weights = new ContentWeights(1, 1, 1, 1), MinLength = minimum });
        }
        return Detectors.Create(words[0], new DetectorSettings
        {
            Threshold = threshold, MinLength = minimum, LumaOnly = words.Contains("luma"), FlashFilter = words.Contains("suppress") ? FlashFilterMode.Suppress : FlashFilterMode.Merge,
        });
    }
}
