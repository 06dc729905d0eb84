using System.Text.Json;
using Kinora.Engine;
using Kinora.Vision;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>OpenCV's optical flow: fields, and their statistics from the float32 field.</summary>
internal sealed class OpticalFlowRunner : IFixtureRunner
{
    private const int Border = 8;
    private const double TopShare = 0.9;

    // Of the fixtures' advice: pixels for Farnebäck; DIS differs in detail between builds, so its statistics are what is compared.
    private const double FieldTolerance = 0.02, DisTolerance = 0.05;

    public IReadOnlyList<string> Classes { get; } = ["cv2 Farneback / DISOpticalFlow"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        JsonElement config = fixture.Config ?? throw new ConfigException($"{fixture.Folder}: config.json is missing.");
        Tensor first = fixture.Input("img1");
        var (height, width) = first.Dims2();
        byte[] a = first.ToArray<byte>(), b = fixture.Input("img2").ToArray<byte>();
        float[] truth = fixture.Input("gt").ToArray<float>();
        var fields = new List<(string Name, Action<float[]> Flow, double Tolerance)>();
        foreach (string name in new[] { "farneback", "farneback_gauss" })
        {
            double[] p = [.. config.GetProperty(name).EnumerateArray().Select(e => e.GetDouble())];
            var options = new FarnebackOptions(p[0], (int)p[1], (int)p[2], (int)p[3], (int)p[4], p[5], Gaussian: p[6] != 0);
            fields.Add((name, flow => OpticalFlow.Farneback(a, b, (int)width, options, flow), FieldTolerance));
        }
        foreach (var preset in Enum.GetValues<DisPreset>())
        {
            fields.Add(($"dis_{preset.ToString().ToLowerInvariant()}", flow => OpticalFlow.Dis(a, b, (int)width, preset, flow), DisTolerance));
        }
        foreach (var (name, measure, tolerance) in fields)
        {
            float[] flow = new float[2 * a.Length];
            measure(flow);
            outputs.Add($"out.flow_{name}", Tensor.FromArray(flow, height, width, 2), new Tolerance(tolerance, 0));
            outputs.Add($"out.stats_{name}", Tensor.FromArray(Statistics(flow, truth, (int)width, (int)height), 8), new Tolerance(tolerance, 0));
        }
    }

    // Mean and median of dx and dy; mean, standard deviation and 90th percentile of the length; mean distance to the truth away from the border.
    private static double[] Statistics(float[] flow, float[] truth, int width, int height)
    {
        double[] dx = [.. flow.Where((_, i) => i % 2 == 0).Select(v => (double)v)], dy = [.. flow.Where((_, i) => i % 2 == 1).Select(v => (double)v)];
        double[] length = [.. dx.Zip(dy, (x, y) => Math.Sqrt((x * x) + (y * y)))];
        double mean = length.Average(), error = 0;
        for (int y = Border; y < height - Border; y++)
        {
            for (int x = Border; x < width - Border; x++)
            {
                int at = 2 * ((y * width) + x);
                double ex = flow[at] - truth[at], ey = flow[at + 1] - truth[at + 1];
                error += Math.Sqrt((ex * ex) + (ey * ey));
            }
        }
        return [dx.Average(), dy.Average(), Quantile(dx, 0.5), Quantile(dy, 0.5), mean, Math.Sqrt(length.Average(l => (l - mean) * (l - mean))), Quantile(length, TopShare), error / (width - (2 * Border)) / (height - (2 * Border))];
    }

    private static double Quantile(double[] values, double q)
    {
        double[] sorted = [.. values.Order()];
        double at = q * (sorted.Length - 1);
        int low = (int)at;
        return low + 1 < sorted.Length ? sorted[low] + ((at - low) * (sorted[low + 1] - sorted[low])) : sorted[low];
    }
}
