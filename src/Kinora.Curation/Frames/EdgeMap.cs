// Edges of a luma plane: Canny with thresholds from the median, widened by a square.
// Paper: Canny, "A Computational Approach to Edge Detection", 1986. Arithmetic of OpenCV 4.6 (3×3 Sobel, replicated border,
// L1 magnitude, sectors by tan 22.5° in 15 bits); thresholds and kernel of PySceneDetect's ContentDetector.
namespace Kinora.Curation.Frames;

/// <summary>Edge pictures of planes of one size: 255 near an edge, 0 elsewhere.</summary>
internal sealed class EdgeMap(int width, int height)
{
    private const int Tan22 = 13573; // tan(22.5°)·2¹⁵
    private const double MedianBand = 1.0 / 3;

    private readonly int[] _dx = new int[width * height], _dy = new int[width * height];
    private readonly int[] _magnitude = new int[(width + 2) * (height + 2)];
    private readonly byte[] _edges = new byte[width * height], _widened = new byte[width * height];
    private readonly Stack<int> _open = new();

    /// <summary>Side of the square that widens edges: odd, growing with the picture.</summary>
    public static int KernelSize(int width, int height)
    {
        int size = 4 + (int)Math.Round(Math.Sqrt((double)width * height) / 192, MidpointRounding.ToEven);
        return size % 2 == 0 ? size + 1 : size;
    }

    /// <summary>Writes the widened edges of <paramref name="luma"/> into <paramref name="target"/>.</summary>
    public void Detect(ReadOnlySpan<byte> luma, Span<byte> target)
    {
        double median = Median(luma);
        int low = (int)Math.Max(0, (1 - MedianBand) * median), high = (int)Math.Min(255, (1 + MedianBand) * median);
        Gradients(luma);
        Trace(low, high);
        Widen(KernelSize(width, height) / 2, target);
    }

    private static double Median(ReadOnlySpan<byte> plane)
    {
        Span<int> counts = stackalloc int[256];
        counts.Clear();
        foreach (byte sample in plane) { counts[sample]++; }
        int Rank(int wanted, Span<int> histogram)
        {
            int seen = 0;
            for (int value = 0; ; value++)
            {
                seen += histogram[value];
                if (seen > wanted) { return value; }
            }
        }
        return (Rank((plane.Length - 1) / 2, counts) + Rank(plane.Length / 2, counts)) / 2.0;
    }

    private void Gradients(ReadOnlySpan<byte> luma)
    {
        for (int y = 0; y < height; y++)
        {
            var above = luma.Slice(Math.Max(y - 1, 0) * width, width);
            var here = luma.Slice(y * width, width);
            var below = luma.Slice(Math.Min(y + 1, height - 1) * width, width);
            for (int x = 0; x < width; x++)
            {
                int l = Math.Max(x - 1, 0), r = Math.Min(x + 1, width - 1), at = (y * width) + x;
                _dx[at] = above[r] - above[l] + (2 * (here[r] - here[l])) + below[r] - below[l];
                _dy[at] = below[l] - above[l] + (2 * (below[x] - above[x])) + below[r] - above[r];
                _magnitude[((y + 1) * (width + 2)) + x + 1] = Math.Abs(_dx[at]) + Math.Abs(_dy[at]);
            }
        }
    }

    // Local maxima across the edge above `low`, kept when connected to one above `high`.
    private void Trace(int low, int high)
    {
        const byte none = 0, weak = 1, strong = 255;
        int stride = width + 2;
        Array.Clear(_edges);
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                int at = (y * width) + x, m = ((y + 1) * stride) + x + 1, magnitude = _magnitude[m];
                if (magnitude <= low || !IsRidge(_dx[at], _dy[at], m, stride, magnitude)) { continue; }
                if (magnitude > high)
                {
                    _edges[at] = strong;
                    _open.Push(at);
                }
                else
                {
                    _edges[at] = weak;
                }
            }
        }
        while (_open.TryPop(out int at))
        {
            int cx = at % width, cy = at / width;
            for (int y = Math.Max(cy - 1, 0); y <= Math.Min(cy + 1, height - 1); y++)
            {
                for (int x = Math.Max(cx - 1, 0); x <= Math.Min(cx + 1, width - 1); x++)
                {
                    int next = (y * width) + x;
                    if (_edges[next] != weak) { continue; }
                    _edges[next] = strong;
                    _open.Push(next);
                }
            }
        }
        for (int i = 0; i < _edges.Length; i++)
        {
            if (_edges[i] == weak) { _edges[i] = none; }
        }
    }

    private bool IsRidge(int dx, int dy, int m, int stride, int magnitude)
    {
        long ax = Math.Abs(dx), ay = (long)Math.Abs(dy) << 15, tan22 = ax * Tan22;
        if (ay < tan22) { return magnitude > _magnitude[m - 1] && magnitude >= _magnitude[m + 1]; }
        if (ay > tan22 + (ax << 16)) { return magnitude > _magnitude[m - stride] && magnitude >= _magnitude[m + stride]; }
        int slant = (dx ^ dy) < 0 ? -1 : 1;
        return magnitude > _magnitude[m - stride - slant] && magnitude > _magnitude[m + stride + slant];
    }

    private void Widen(int radius, Span<byte> target)
    {
        for (int y = 0; y < height; y++)
        {
            int last = -radius - 1;
            var row = _edges.AsSpan(y * width, width);
            // An edge at x reaches x−radius .. x+radius.
            for (int x = 0; x < width + radius; x++)
            {
                if (x < width && row[x] != 0) { last = x; }
                int at = x - radius;
                if (at >= 0) { _widened[(y * width) + at] = last >= at - radius ? (byte)255 : (byte)0; }
            }
        }
        for (int x = 0; x < width; x++)
        {
            int last = -radius - 1;
            for (int y = 0; y < height + radius; y++)
            {
                if (y < height && _widened[(y * width) + x] != 0) { last = y; }
                int at = y - radius;
                if (at >= 0) { target[(at * width) + x] = last >= at - radius ? (byte)255 : (byte)0; }
            }
        }
    }
}
