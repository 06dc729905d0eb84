namespace Kinora.World.Glyphs;

/// <summary>A noun in a color, as premultiplied RGBA at three sizes, with a dark outline so that it stands off from every setting.</summary>
internal sealed class Sprite
{
    private const int Levels = 3, Side = GlyphAtlas.Side, OutlineRadius = 2;
    private static readonly Sprite?[] Cache = new Sprite?[Enum.GetValues<Noun>().Length * Enum.GetValues<ActorColor>().Length];
    private readonly byte[][] _levels = new byte[Levels][];

    private Sprite(Noun noun, ActorColor color)
    {
        byte[] plain = (int)noun < Vocabulary.GlyphCount ? Tint(GlyphAtlas.Glyph(noun), Palette.Of(color)) : Shape(noun, Palette.Of(color));
        _levels[0] = WithOutline(plain, Palette.Of(color));
        for (int level = 1; level < Levels; level++)
            _levels[level] = Halve(_levels[level - 1], Side >> (level - 1));
    }

    public static Sprite Of(Noun noun, ActorColor color)
    {
        int index = (int)noun * 8 + (int)color;
        // Two threads may build the same sprite; both are equal and one stays.
        return Cache[index] ??= new Sprite(noun, color);
    }

    /// <summary>The level whose pixels are at most about two per pixel of the target.</summary>
    public static int LevelFor(double targetPixels)
    {
        int level = 0;
        while (level < Levels - 1 && (Side >> level) > 2.2 * targetPixels)
            level++;
        return level;
    }

    public ReadOnlySpan<byte> Pixels(int level) => _levels[level];

    public static int SideOf(int level) => Side >> level;

    // Dark parts go to a dark shade of the color, light parts toward white: the drawing stays readable, the color is unmistakable.
    private static byte[] Tint(ReadOnlySpan<byte> source, (int R, int G, int B) color)
    {
        var result = new byte[source.Length];
        Span<int> histogram = stackalloc int[256];
        int count = 0;
        for (int i = 0; i < source.Length; i += 4)
        {
            if (source[i + 3] < 128)
                continue;
            histogram[Luminance(source, i)]++;
            count++;
        }
        int median = 0;
        for (int sum = 0; median < 255 && (sum += histogram[median]) < count / 2; median++)
        {
        }
        median = Math.Clamp(median, 60, 230);
        for (int i = 0; i < source.Length; i += 4)
        {
            int a = source[i + 3];
            if (a == 0)
                continue;
            int l = Luminance(source, i);
            result[i + 3] = (byte)a;
            result[i] = Channel(color.R, l, median, a);
            result[i + 1] = Channel(color.G, l, median, a);
            result[i + 2] = Channel(color.B, l, median, a);
        }
        return result;
    }

    private static int Luminance(ReadOnlySpan<byte> p, int i)
    {
        int a = p[i + 3];
        return Math.Min(255, (54 * p[i] + 183 * p[i + 1] + 19 * p[i + 2]) * 255 / (256 * Math.Max(1, a)));
    }

    private static byte Channel(int color, int luminance, int median, int alpha)
    {
        int v = luminance <= median
            ? color * (40 + 216 * luminance / median) / 256
            : color + (255 - color) * Math.Min(190, 330 * (luminance - median) / Math.Max(24, 255 - median)) / 256;
        return (byte)(Math.Clamp(v, 0, 255) * alpha / 255);
    }

    private static byte[] Shape(Noun noun, (int R, int G, int B) color)
    {
        const int sub = 4;
        var result = new byte[Side * Side * 4];
        for (int y = 0; y < Side; y++)
        {
            for (int x = 0; x < Side; x++)
            {
                int hits = 0, light = 0;
                for (int s = 0; s < sub * sub; s++)
                {
                    double u = (x + (s % sub + 0.5) / sub) / Side * 2 - 1, v = (y + (s / sub + 0.5) / sub) / Side * 2 - 1;
                    if (!Inside(noun, u, v))
                        continue;
                    hits++;
                    light += (int)(256 * (1.08 - 0.22 * (u + v + 2) / 2));
                }
                if (hits == 0)
                    continue;
                int a = hits * 255 / (sub * sub), shade = light / hits, i = (y * Side + x) * 4;
                result[i] = (byte)(Math.Min(255, color.R * shade / 256) * a / 255);
                result[i + 1] = (byte)(Math.Min(255, color.G * shade / 256) * a / 255);
                result[i + 2] = (byte)(Math.Min(255, color.B * shade / 256) * a / 255);
                result[i + 3] = (byte)a;
            }
        }
        return result;
    }

    private static bool Inside(Noun noun, double u, double v)
    {
        double r2 = u * u + v * v;
        switch (noun)
        {
            case Noun.Circle:
                return r2 < 0.82 * 0.82;
            case Noun.Ring:
                return r2 < 0.86 * 0.86 && r2 > 0.46 * 0.46;
            case Noun.Square:
                return Math.Abs(u) < 0.74 && Math.Abs(v) < 0.74;
            case Noun.Diamond:
                return Math.Abs(u) / 0.66 + Math.Abs(v) / 0.92 < 1;
            case Noun.Triangle:
                return v < 0.72 && v > -0.85 && Math.Abs(u) < (v + 0.85) / 1.57 * 0.9;
            default:
                return InStar(u, v);
        }
    }

    // A five-pointed star: inside when at most one of the five lines through neighboring points is crossed.
    private static bool InStar(double u, double v)
    {
        int outside = 0;
        const double distance = 0.3;
        for (int k = 0; k < 5; k++)
        {
            double nx = DeterministicMath.SinTurns(k / 5.0), ny = DeterministicMath.CosTurns(k / 5.0);
            if (u * nx + (v - 0.06) * ny > distance)
                outside++;
        }
        return outside <= 1;
    }

    private static byte[] WithOutline(byte[] source, (int R, int G, int B) color)
    {
        var result = new byte[source.Length];
        for (int y = 0; y < Side; y++)
        {
            for (int x = 0; x < Side; x++)
            {
                int halo = 0;
                for (int dy = -OutlineRadius; dy <= OutlineRadius; dy++)
                {
                    for (int dx = -OutlineRadius; dx <= OutlineRadius; dx++)
                    {
                        int sx = x + dx, sy = y + dy;
                        if ((uint)sx < Side && (uint)sy < Side && dx * dx + dy * dy <= OutlineRadius * OutlineRadius)
                            halo = Math.Max(halo, source[(sy * Side + sx) * 4 + 3]);
                    }
                }
                int i = (y * Side + x) * 4, rest = 255 - source[i + 3], o = halo * rest / 255;
                result[i] = (byte)(source[i] + color.R * o / 255 * 50 / 256);
                result[i + 1] = (byte)(source[i + 1] + color.G * o / 255 * 50 / 256);
                result[i + 2] = (byte)(source[i + 2] + color.B * o / 255 * 50 / 256);
                result[i + 3] = (byte)(source[i + 3] + o);
            }
        }
        return result;
    }

    private static byte[] Halve(byte[] source, int side)
    {
        int half = side / 2;
        var result = new byte[half * half * 4];
        for (int y = 0; y < half; y++)
        {
            for (int x = 0; x < half; x++)
            {
                for (int c = 0; c < 4; c++)
                {
                    int i = (2 * y * side + 2 * x) * 4 + c;
                    result[(y * half + x) * 4 + c] = (byte)((source[i] + source[i + 4] + source[i + side * 4] + source[i + side * 4 + 4] + 2) / 4);
                }
            }
        }
        return result;
    }
}
