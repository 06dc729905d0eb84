// One palette for a whole clip: variance-minimizing box splits over a color histogram, refined by Lloyd's iteration.
// Box splitting follows the idea of X. Wu, "Color quantization by dynamic programming and principal analysis" (1992) and
// P. Heckbert's median cut (1982): the box with the largest weighted variance is cut at its mean along its widest axis.
namespace Kinora.Media;

/// <summary>Counts colors in 6 bits per channel and makes the palette.</summary>
internal sealed class ColorHistogram
{
    private const int Bits = 6;
    private const int Bins = 1 << (3 * Bits);
    private const int LloydRounds = 6;

    // Squared differences are weighted as the eye sees them: green most, red least.
    private const float RedWeight = 2, GreenWeight = 4, BlueWeight = 3;

    private readonly long[] _count = new long[Bins];
    private readonly long[] _red = new long[Bins];
    private readonly long[] _green = new long[Bins];
    private readonly long[] _blue = new long[Bins];
    private readonly HashSet<int> _exact = [];

    /// <summary>Adds the pixels of a frame.</summary>
    public void Add(ReadOnlySpan<byte> rgb)
    {
        for (int i = 0; i + 2 < rgb.Length; i += 3)
        {
            int bin = Bin(rgb[i], rgb[i + 1], rgb[i + 2]);
            _count[bin]++;
            _red[bin] += rgb[i];
            _green[bin] += rgb[i + 1];
            _blue[bin] += rgb[i + 2];
            if (_exact.Count <= 256)
            {
                _exact.Add((rgb[i] << 16) | (rgb[i + 1] << 8) | rgb[i + 2]);
            }
        }
    }

    /// <summary>A palette of at most <paramref name="size"/> colors, 3 bytes each. When the clip has no more colors than that, exactly those.</summary>
    public byte[] MakePalette(int size, out bool exact)
    {
        exact = _exact.Count <= size;
        if (exact)
        {
            return [.. _exact.Order().SelectMany(c => new[] { (byte)(c >> 16), (byte)(c >> 8), (byte)c })];
        }

        var points = new List<Point>();
        for (int bin = 0; bin < Bins; bin++)
        {
            if (_count[bin] > 0)
            {
                float n = _count[bin];
                points.Add(new Point(_red[bin] / n, _green[bin] / n, _blue[bin] / n, n));
            }
        }

        Point[] all = [.. points];
        var centers = Split(all, size);
        for (int round = 0; round < LloydRounds; round++)
        {
            Refine(all, centers);
        }

        return [.. centers.SelectMany(c => new[] { Round(c.R), Round(c.G), Round(c.B) })];
    }

    internal static int Bin(int r, int g, int b) => ((r >> (8 - Bits)) << (2 * Bits)) | ((g >> (8 - Bits)) << Bits) | (b >> (8 - Bits));

    internal static int Distance(int r, int g, int b) => ((int)RedWeight * r * r) + ((int)GreenWeight * g * g) + ((int)BlueWeight * b * b);

    private static byte Round(float value) => (byte)Math.Clamp(MathF.Round(value), 0, 255);

    private static List<Point> Split(Point[] points, int size)
    {
        var boxes = new List<Box> { Box.Over(points, 0, points.Length) };
        while (boxes.Count < size)
        {
            int widest = 0;
            for (int i = 1; i < boxes.Count; i++)
            {
                if (boxes[i].Error > boxes[widest].Error)
                {
                    widest = i;
                }
            }

            Box box = boxes[widest];
            if (box.Error <= 0)
            {
                break;
            }

            int middle = Partition(points, box);
            boxes[widest] = Box.Over(points, box.Start, middle);
            boxes.Add(Box.Over(points, middle, box.End));
        }

        return boxes.ConvertAll(box => box.Mean);
    }

    // Points below the mean of the widest axis come first; both sides are non-empty since the variance is positive.
    private static int Partition(Point[] points, Box box)
    {
        float cut = box.Axis switch { 0 => box.Mean.R, 1 => box.Mean.G, _ => box.Mean.B };
        int left = box.Start;
        int right = box.End - 1;
        while (left <= right)
        {
            float value = box.Axis switch { 0 => points[left].R, 1 => points[left].G, _ => points[left].B };
            if (value < cut)
            {
                left++;
            }
            else
            {
                (points[left], points[right]) = (points[right], points[left]);
                right--;
            }
        }

        return Math.Clamp(left, box.Start + 1, box.End - 1);
    }

    private static void Refine(Point[] points, List<Point> centers)
    {
        var sums = new (double R, double G, double B, double N)[centers.Count];
        foreach (ref readonly Point p in points.AsSpan())
        {
            int best = 0;
            float least = float.MaxValue;
            for (int i = 0; i < centers.Count; i++)
            {
                float r = p.R - centers[i].R, g = p.G - centers[i].G, b = p.B - centers[i].B;
                float distance = (RedWeight * r * r) + (GreenWeight * g * g) + (BlueWeight * b * b);
                if (distance < least)
                {
                    (least, best) = (distance, i);
                }
            }

            ref var sum = ref sums[best];
            sum = (sum.R + (p.R * (double)p.N), sum.G + (p.G * (double)p.N), sum.B + (p.B * (double)p.N), sum.N + p.N);
        }

        for (int i = 0; i < centers.Count; i++)
        {
            var (r, g, b, n) = sums[i];
            if (n > 0)
            {
                centers[i] = new Point((float)(r / n), (float)(g / n), (float)(b / n), (float)n);
            }
        }
    }

    private readonly record struct Point(float R, float G, float B, float N);

    /// <summary>A range of points with its weighted mean, squared error and axis of largest variance.</summary>
    private readonly record struct Box(int Start, int End, Point Mean, double Error, int Axis)
    {
        public static Box Over(Point[] points, int start, int end)
        {
            double n = 0, r = 0, g = 0, b = 0, rr = 0, gg = 0, bb = 0;
            for (int i = start; i < end; i++)
            {
                Point p = points[i];
                n += p.N;
                r += (double)p.N * p.R;
                g += (double)p.N * p.G;
                b += (double)p.N * p.B;
                rr += (double)p.N * p.R * p.R;
                gg += (double)p.N * p.G * p.G;
                bb += (double)p.N * p.B * p.B;
            }

            double red = RedWeight * (rr - (r * r / n));
            double green = GreenWeight * (gg - (g * g / n));
            double blue = BlueWeight * (bb - (b * b / n));
            int axis = green >= red && green >= blue ? 1 : red >= blue ? 0 : 2;
            double error = end - start < 2 ? 0 : red + green + blue;
            return new Box(start, end, new Point((float)(r / n), (float)(g / n), (float)(b / n), (float)n), error, axis);
        }
    }
}

/// <summary>Nearest palette entry of any color, remembered per 6-bit color; exact colors are looked up exactly.</summary>
internal sealed class PaletteMap
{
    private readonly byte[] _palette;
    private readonly short[] _nearest = new short[1 << 18];
    private readonly Dictionary<int, byte> _exact = [];

    public PaletteMap(byte[] palette)
    {
        _palette = palette;
        Array.Fill(_nearest, (short)-1);
        for (int i = 0; i * 3 < palette.Length; i++)
        {
            _exact.TryAdd((palette[i * 3] << 16) | (palette[(i * 3) + 1] << 8) | palette[(i * 3) + 2], (byte)i);
        }
    }

    /// <summary>Index of the entry for a color that is in the palette.</summary>
    public byte Exact(int r, int g, int b) => _exact[(r << 16) | (g << 8) | b];

    /// <summary>Index of the entry nearest to a color.</summary>
    public byte Nearest(int r, int g, int b)
    {
        ref short known = ref _nearest[ColorHistogram.Bin(r, g, b)];
        if (known < 0)
        {
            // The center of the 6-bit cell stands for all its colors.
            known = Search((r & ~3) | 2, (g & ~3) | 2, (b & ~3) | 2);
        }

        return (byte)known;
    }

    private short Search(int r, int g, int b)
    {
        int best = 0;
        int least = int.MaxValue;
        for (int i = 0; i < _palette.Length; i += 3)
        {
            int distance = ColorHistogram.Distance(r - _palette[i], g - _palette[i + 1], b - _palette[i + 2]);
            if (distance < least)
            {
                (least, best) = (distance, i / 3);
            }
        }

        return (short)best;
    }
}
