// One palette for a whole clip: variance-minimizing box splits over a color histogram, refined by Lloyd's iteration.
// Box splitting follows the idea of X. Wu, "Color quantization by dynamic programming and principal analysis" (1992) and
// P. Heckbert's median cut (1982): the box with the largest weighted variance is cut at its mean along its widest axis.
namespace Kinora.Media;

/// <summary>Counts the colors of a clip and makes the palette.</summary>
internal sealed class ColorHistogram
{
    private const int LloydRounds = 6;

    // Colors are merged to fewer bits per channel until no more than this many remain: the palette search visits each.
    private const int MaxPoints = 24_000;

    // Squared differences are weighted as the eye sees them: green most, red least.
    private const float RedWeight = 2, GreenWeight = 4, BlueWeight = 3;

    // Pixels of each 24-bit color; pages that stay zero take no memory.
    private readonly uint[] _count = new uint[1 << 24];

    /// <summary>Adds the pixels of a frame.</summary>
    public void Add(ReadOnlySpan<byte> rgb)
    {
        for (int i = 0; i + 2 < rgb.Length; i += 3)
        {
            _count[Key(rgb[i], rgb[i + 1], rgb[i + 2])]++;
        }
    }

    /// <summary>A palette of at most <paramref name="size"/> colors, 3 bytes each. When the clip has no more colors than that, exactly those.</summary>
    public byte[] MakePalette(int size, out bool exact)
    {
        Point[] points = [];
        for (int bits = 8; bits >= 4; bits--)
        {
            points = PointsAt(bits);
            if (points.Length <= MaxPoints)
            {
                break;
            }
        }

        exact = points.Length <= size;
        var centers = exact ? [.. points] : Split(points, size);
        for (int round = 0; round < LloydRounds && !exact; round++)
        {
            Refine(points, centers);
        }

        return [.. centers.SelectMany(c => new[] { Round(c.R), Round(c.G), Round(c.B) })];
    }

    internal static int Key(int r, int g, int b) => (r << 16) | (g << 8) | b;

    internal static int Distance(int r, int g, int b) => ((int)RedWeight * r * r) + ((int)GreenWeight * g * g) + ((int)BlueWeight * b * b);

    // Mean colors of the cells that remain when each channel keeps its upper bits.
    private Point[] PointsAt(int bits)
    {
        int drop = 8 - bits;
        var cells = new Dictionary<int, (double R, double G, double B, double N)>();
        for (int key = 0; key < _count.Length; key++)
        {
            uint n = _count[key];
            if (n == 0)
            {
                continue;
            }

            int r = key >> 16, g = (key >> 8) & 255, b = key & 255;
            ref var cell = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(cells, Key(r >> drop, g >> drop, b >> drop), out _);
            cell = (cell.R + ((double)n * r), cell.G + ((double)n * g), cell.B + ((double)n * b), cell.N + n);
            if (drop < 4 && cells.Count > MaxPoints)
            {
                break;
            }
        }

        return [.. cells.OrderBy(cell => cell.Key).Select(cell => new Point(
            (float)(cell.Value.R / cell.Value.N), (float)(cell.Value.G / cell.Value.N), (float)(cell.Value.B / cell.Value.N), (float)cell.Value.N))];
    }

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

/// <summary>The palette entry nearest to any color; each color is searched once.</summary>
internal sealed class PaletteMap(byte[] palette)
{
    // Index + 1 by 24-bit color; 0 is not searched yet.
    private readonly ushort[] _nearest = new ushort[1 << 24];

    /// <summary>Index of the entry nearest to a color.</summary>
    public byte Nearest(int r, int g, int b)
    {
        ref ushort known = ref _nearest[ColorHistogram.Key(r, g, b)];
        if (known == 0)
        {
            known = (ushort)(Search(r, g, b) + 1);
        }

        return (byte)(known - 1);
    }

    private int Search(int r, int g, int b)
    {
        int best = 0;
        int least = int.MaxValue;
        for (int i = 0; i < palette.Length; i += 3)
        {
            int distance = ColorHistogram.Distance(r - palette[i], g - palette[i + 1], b - palette[i + 2]);
            if (distance < least)
            {
                (least, best) = (distance, i / 3);
            }
        }

        return best;
    }
}
