// SSIM: agreement of means, variances and covariance in small windows.
// Paper: Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE TIP 13 (2004).
// Conventions of scikit-image 0.19.3: the windows of the mean are those that lie inside; at the border of the map, pixels are mirrored.
//   ((2 μx μy + C₁)(2 σxy + C₂)) / ((μx² + μy² + C₁)(σx² + σy² + C₂)), C₁ = (0.01·255)², C₂ = (0.03·255)²
// Numerics  float64.

namespace Kinora.Evaluation.Frames;

/// <summary>How a window weighs its pixels.</summary>
/// <param name="Weights">One side of the separable window, sum 1.</param>
/// <param name="SampleCovariance">Divide variances by n − 1 instead of n.</param>
public sealed record SimilarityWindow(double[] Weights, bool SampleCovariance)
{
    /// <summary>11×11 with σ = 1.5, the window of the paper.</summary>
    public static SimilarityWindow Gaussian { get; } = new(GaussianWeights(1.5, 5), SampleCovariance: false);

    /// <summary>7×7 of equal weights with sample covariances, scikit-image's default.</summary>
    public static SimilarityWindow Uniform7 { get; } = new([.. Enumerable.Repeat(1 / 7.0, 7)], SampleCovariance: true);

    private static double[] GaussianWeights(double sigma, int radius)
    {
        double[] w = [.. Enumerable.Range(-radius, 2 * radius + 1).Select(i => Math.Exp(-0.5 * i * i / (sigma * sigma)))];
        double sum = w.Sum();
        return [.. w.Select(v => v / sum)];
    }
}

/// <summary>Structural similarity of pictures.</summary>
public static class StructuralSimilarity
{
    private const double Range = 255, K1 = 0.01, K2 = 0.03;

    /// <summary>The mean over channels of 8-bit pictures [H, W, C].</summary>
    /// <exception cref="EvaluationException">The pictures differ in size or are smaller than the window.</exception>
    public static double Of(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, int width, int height, int channels, SimilarityWindow window)
    {
        if (a.Length != b.Length || a.Length != width * height * channels)
            throw new EvaluationException($"SSIM: two pictures of {width}×{height}×{channels} are needed, got {a.Length} and {b.Length} bytes.");
        double sum = 0;
        for (int c = 0; c < channels; c++)
        {
            var x = new double[width * height];
            var y = new double[width * height];
            for (int i = 0; i < x.Length; i++)
                (x[i], y[i]) = (a[i * channels + c], b[i * channels + c]);
            sum += Mean(Map(x, y, width, height, window), width, height, window);
        }
        return sum / channels;
    }

    /// <summary>The similarity at every pixel of two planes in 0..255.</summary>
    public static double[] Map(double[] x, double[] y, int width, int height, SimilarityWindow window)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        ArgumentNullException.ThrowIfNull(window);
        int side = window.Weights.Length;
        if (width < side || height < side)
            throw new EvaluationException($"SSIM: pictures of at least {side}×{side} are needed, got {width}×{height}.");
        double[] Filter(Func<int, double> value) => Smooth(value, width, height, window.Weights);
        double[] mx = Filter(i => x[i]), my = Filter(i => y[i]), xx = Filter(i => x[i] * x[i]), yy = Filter(i => y[i] * y[i]), xy = Filter(i => x[i] * y[i]);
        double pixels = (double)side * side, correction = window.SampleCovariance ? pixels / (pixels - 1) : 1;
        const double c1 = K1 * Range * K1 * Range, c2 = K2 * Range * K2 * Range;
        var map = new double[x.Length];
        for (int i = 0; i < map.Length; i++)
        {
            double vx = correction * (xx[i] - mx[i] * mx[i]), vy = correction * (yy[i] - my[i] * my[i]), vxy = correction * (xy[i] - mx[i] * my[i]);
            map[i] = (2 * mx[i] * my[i] + c1) * (2 * vxy + c2) / ((mx[i] * mx[i] + my[i] * my[i] + c1) * (vx + vy + c2));
        }
        return map;
    }

    /// <summary>The mean over windows that lie inside the picture.</summary>
    public static double Mean(double[] map, int width, int height, SimilarityWindow window)
    {
        ArgumentNullException.ThrowIfNull(map);
        ArgumentNullException.ThrowIfNull(window);
        int pad = window.Weights.Length / 2;
        double sum = 0;
        for (int y = pad; y < height - pad; y++)
        {
            for (int x = pad; x < width - pad; x++)
                sum += map[y * width + x];
        }
        return sum / ((double)(height - 2 * pad) * (width - 2 * pad));
    }

    private static double[] Smooth(Func<int, double> value, int width, int height, double[] weights)
    {
        int radius = weights.Length / 2;
        var rows = new double[width * height];
        var result = new double[width * height];
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                double sum = 0;
                for (int k = 0; k < weights.Length; k++)
                    sum += weights[k] * value(y * width + Mirror(x + k - radius, width));
                rows[y * width + x] = sum;
            }
        }
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                double sum = 0;
                for (int k = 0; k < weights.Length; k++)
                    sum += weights[k] * rows[Mirror(y + k - radius, height) * width + x];
                result[y * width + x] = sum;
            }
        }
        return result;
    }

    // d c b a | a b c d | d c b a
    private static int Mirror(int i, int n) => i < 0 ? -1 - i : i >= n ? 2 * n - 1 - i : i;
}
