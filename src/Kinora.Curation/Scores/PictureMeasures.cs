// What one picture at coded size says; taken of a few frames per second.
using Kinora.Curation.Frames;
using Kinora.Media;

namespace Kinora.Curation.Scores;

/// <summary>Numbers of one sampled frame.</summary>
internal sealed record PictureMeasures
{
    /// <summary>Number of the frame.</summary>
    public required long Index { get; init; }

    /// <summary>Presentation time, seconds.</summary>
    public required double Time { get; init; }

    /// <summary>Variance of the Laplacian (4 neighbors, reflected border) of the gray picture.</summary>
    public required double Laplacian { get; init; }

    /// <summary>Mean horizontal gradient on the strongest of eight column grids over the mean elsewhere, at least 1 but for noise.</summary>
    public required double Blockiness { get; init; }

    /// <summary>Black rows and columns from each side; null for a picture that is black all over.</summary>
    public required Bars? Bars { get; init; }

    /// <summary>Hasler and Süsstrunk, "Measuring colorfulness in natural images", 2003: σ_rgyb + 0.3·μ_rgyb.</summary>
    public required double Colorfulness { get; init; }

    /// <summary>Share of gray samples below 8.</summary>
    public required double Dark { get; init; }

    /// <summary>Share of gray samples above 247.</summary>
    public required double Bright { get; init; }

    /// <summary>Standard deviation of gray, 0..127.5.</summary>
    public required double Deviation { get; init; }

    /// <summary>Share of gradient energy within a twelfth of the picture of a line of thirds.</summary>
    public required double Thirds { get; init; }

    /// <summary>64-bit DCT hash, the first bit highest.</summary>
    public required ulong Hash { get; init; }

    /// <summary>Share of the picture under bars; 0 for a picture that is black all over.</summary>
    public required double BarShare { get; init; }

    /// <summary>Mean R, G, B.</summary>
    public required double[] Color { get; init; }

    /// <summary>Number of the picture at a width of 64 pixels in <see cref="PictureMeter.Thumbnails"/>.</summary>
    public required int Thumbnail { get; init; }

    /// <summary>Motion from a frame shortly before; null when too little of the picture can be followed.</summary>
    public required CameraMotion? Camera { get; init; }

    /// <summary>Number of the frame that <see cref="Camera"/> starts from; null when there is none.</summary>
    public required long? CameraFrom { get; init; }

    /// <summary>Seconds from that frame to this one.</summary>
    public required double CameraSeconds { get; init; }

    /// <summary>Motion of the codec's blocks; null when the frame has no vectors.</summary>
    public required CodecMotion? Motion { get; init; }
}

/// <summary>Black borders in pixels.</summary>
internal readonly record struct Bars(int Top, int Bottom, int Left, int Right);

/// <summary>Measures pictures of one clip; keeps its buffers.</summary>
/// <param name="graph">The small forms of the current frame.</param>
/// <param name="blocks">Whether the camera is measured here, by matching blocks.</param>
internal sealed class PictureMeter(FrameGraph graph, bool blocks = true) : IDisposable
{
    private const int HashSide = 8, HashLowPass = 4, DarkEnd = 8, BrightEnd = 247, Grid = 8, ThumbnailWidth = 64;
    private const double BarLimit = 24;
    private readonly PerceptualHash _hash = new(HashSide, HashLowPass);
    private readonly BlockFlow _flow = new(graph.Width, graph.Height);
    private readonly byte[] _earlier = new byte[graph.Width * graph.Height];
    private (long Index, double Time)? _earlierAt;

    /// <summary>The measured pictures in small.</summary>
    public ThumbnailStore Thumbnails { get; } = new(ThumbnailSize(graph).Width, ThumbnailSize(graph).Height);

    /// <summary>Lets the small pictures go.</summary>
    public void Dispose() => Thumbnails.Dispose();

    /// <summary>Remembers the graph's current frame: motion is measured from it to the next picture.</summary>
    public void Remember()
    {
        if (!blocks) { return; }
        graph.Gray.CopyTo(_earlier);
        _earlierAt = (graph.Index, graph.Time.ToDouble());
    }

    /// <summary>Measures a picture of the frame that the graph holds too.</summary>
    /// <param name="picture">The frame at coded size.</param>
    /// <param name="motion">The codec's motion in the frame; null when it has none.</param>
    public PictureMeasures Measure(SampledPicture picture, CodecMotion? motion)
    {
        int w = picture.Width, h = picture.Height, pixels = w * h;
        var plane = picture.Gray;
        var (dark, bright, deviation) = Exposure(plane);
        Bars? bars = BarsOf(plane, w, h);
        return new PictureMeasures
        {
            Index = graph.Index, Time = graph.Time.ToDouble(),
            Laplacian = LaplacianVariance(plane, w, h), Blockiness = BlockinessOf(plane, w, h), Bars = bars, BarShare = bars is { } b ? 1 - ((double)(w - b.Left - b.Right) * (h - b.Top - b.Bottom) / pixels) : 0,
            Colorfulness = ColorfulnessOf(graph.Bgr), Dark = dark, Bright = bright, Deviation = deviation, Thirds = ThirdsOf(graph.Gray, graph.Width, graph.Height),
            Hash = HashOf(plane, w, h), Color = MeanColor(graph.Bgr), Thumbnail = Thumbnails.Add(ThumbnailOf(graph)),
            Camera = _earlierAt is null ? null : _flow.Estimate(_earlier, graph.Gray), CameraFrom = _earlierAt?.Index, CameraSeconds = _earlierAt is { } e ? graph.Time.ToDouble() - e.Time : 0,
            Motion = motion,
        };
    }

    /// <summary>The hash of a gray picture.</summary>
    public ulong HashOf(ReadOnlySpan<byte> gray, int w, int h)
    {
        Span<bool> bits = stackalloc bool[HashSide * HashSide];
        if (w < HashSide * HashLowPass || h < HashSide * HashLowPass) { return 0; }
        _hash.Compute(gray, w, h, bits);
        ulong hash = 0;
        foreach (bool bit in bits) { hash = (hash << 1) | (bit ? 1ul : 0); }
        return hash;
    }

    internal static double LaplacianVariance(ReadOnlySpan<byte> gray, int w, int h)
    {
        long sum = 0, squares = 0;
        for (int y = 0; y < h; y++)
        {
            var above = gray.Slice((y > 0 ? y - 1 : Math.Min(1, h - 1)) * w, w);
            var here = gray.Slice(y * w, w);
            var below = gray.Slice((y < h - 1 ? y + 1 : Math.Max(h - 2, 0)) * w, w);
            PlaneSums.AddLaplacian(above, here, below, ref sum, ref squares);
        }
        double n = (double)w * h, mean = sum / n;
        return (squares / n) - (mean * mean);
    }

    private static double BlockinessOf(ReadOnlySpan<byte> gray, int w, int h)
    {
        Span<long> sums = stackalloc long[Grid], counts = stackalloc long[Grid];
        sums.Clear();
        counts.Clear();
        for (int y = 0; y < h; y++) { PlaneSums.AddSteps(gray.Slice(y * w, w), sums); }
        for (int x = 1; x < w; x++) { counts[x % Grid] += h; }
        long total = 0, samples = 0;
        for (int i = 0; i < Grid; i++)
        {
            total += sums[i];
            samples += counts[i];
        }
        double best = 1;
        for (int i = 0; i < Grid; i++)
        {
            double others = (double)(total - sums[i]) / Math.Max(1, samples - counts[i]);
            if (counts[i] > 0 && others > 0) { best = Math.Max(best, (double)sums[i] / counts[i] / others); }
        }
        return best;
    }

    private static Bars? BarsOf(ReadOnlySpan<byte> gray, int w, int h)
    {
        var rows = new double[h];
        var sums = new int[w];
        for (int y = 0; y < h; y++)
        {
            var row = gray.Slice(y * w, w);
            PlaneSums.Add(row, sums);
            rows[y] = (double)PlaneSums.Sum(row) / w;
        }
        double[] columns = [.. sums];
        int top = Dark(rows, y => y, 1), bottom = Dark(rows, y => h - 1 - y, 1), left = Dark(columns, x => x, h), right = Dark(columns, x => w - 1 - x, h);
        return top == h || left == w ? null : new Bars(top, bottom, left, right);

        static int Dark(double[] lines, Func<int, int> at, int samples)
        {
            int n = 0;
            while (n < lines.Length && lines[at(n)] / samples <= BarLimit) { n++; }
            return n;
        }
    }

    private static double ColorfulnessOf(ReadOnlySpan<byte> bgr)
    {
        double n = bgr.Length / 3.0, sumRg = 0, sumYb = 0, squaresRg = 0, squaresYb = 0;
        for (int i = 0; i < bgr.Length; i += 3)
        {
            double rg = bgr[i + 2] - bgr[i + 1], yb = (0.5 * (bgr[i + 2] + bgr[i + 1])) - bgr[i];
            sumRg += rg;
            sumYb += yb;
            squaresRg += rg * rg;
            squaresYb += yb * yb;
        }
        double meanRg = sumRg / n, meanYb = sumYb / n, variance = (squaresRg / n) - (meanRg * meanRg) + (squaresYb / n) - (meanYb * meanYb);
        return Math.Sqrt(Math.Max(0, variance)) + (0.3 * Math.Sqrt((meanRg * meanRg) + (meanYb * meanYb)));
    }

    private static (int Width, int Height) ThumbnailSize(FrameGraph graph)
    {
        int w = Math.Min(ThumbnailWidth, graph.Width);
        return (w, Math.Max(1, graph.Height * w / graph.Width));
    }

    private static VideoFrame ThumbnailOf(FrameGraph graph)
    {
        var (w, h) = ThumbnailSize(graph);
        byte[] rgb = new byte[w * h * 3];
        var bgr = graph.Bgr;
        for (int y = 0; y < h; y++)
        {
            for (int x = 0; x < w; x++)
            {
                int top = y * graph.Height / h, bottom = (y + 1) * graph.Height / h, left = x * graph.Width / w, right = (x + 1) * graph.Width / w;
                for (int c = 0; c < 3; c++)
                {
                    int sum = 0;
                    for (int v = top; v < bottom; v++)
                    {
                        for (int u = left; u < right; u++) { sum += bgr[(((v * graph.Width) + u) * 3) + 2 - c]; }
                    }
                    rgb[(((y * w) + x) * 3) + c] = (byte)(sum / ((bottom - top) * (right - left)));
                }
            }
        }
        return new VideoFrame(w, h, rgb);
    }

    private static double[] MeanColor(ReadOnlySpan<byte> bgr)
    {
        long b = 0, g = 0, r = 0;
        for (int i = 0; i < bgr.Length; i += 3)
        {
            b += bgr[i];
            g += bgr[i + 1];
            r += bgr[i + 2];
        }
        double n = bgr.Length / 3.0;
        return [r / n, g / n, b / n];
    }

    private static (double Dark, double Bright, double Deviation) Exposure(ReadOnlySpan<byte> gray)
    {
        Span<int> counts = stackalloc int[256];
        counts.Clear();
        PlaneSums.Count(gray, counts);
        double n = gray.Length, dark = 0, bright = 0, sum = 0, squares = 0;
        for (int v = 0; v < 256; v++)
        {
            if (v < DarkEnd) { dark += counts[v]; }
            if (v > BrightEnd) { bright += counts[v]; }
            sum += (double)v * counts[v];
            squares += (double)v * v * counts[v];
        }
        return (dark / n, bright / n, Math.Sqrt(Math.Max(0, (squares / n) - (sum / n * (sum / n)))));
    }

    private static double ThirdsOf(ReadOnlySpan<byte> gray, int w, int h)
    {
        double near = 0, total = 0;
        for (int y = 1; y < h - 1; y++)
        {
            for (int x = 1; x < w - 1; x++)
            {
                int at = (y * w) + x;
                int energy = Math.Abs(gray[at + 1] - gray[at - 1]) + Math.Abs(gray[at + w] - gray[at - w]);
                total += energy;
                if (Near(x, w) || Near(y, h)) { near += energy; }
            }
        }
        return total > 0 ? near / total : 0;

        static bool Near(int at, int size) => Math.Abs((3 * at) - size) * 4 <= size || Math.Abs((3 * at) - (2 * size)) * 4 <= size;
    }
}
