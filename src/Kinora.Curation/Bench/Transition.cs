// Transitions between two pictures, by the names that ffmpeg's xfade filter has for them.
// The geometry is written from the names and the look of the filter; only position, kind and length matter to a benchmark.
namespace Kinora.Curation.Bench;

/// <summary>Blends the end of one shot into the start of the next.</summary>
internal static class Transition
{
    private const int Slices = 10, BlurReach = 12;

    /// <summary>Every kind.</summary>
    public static IReadOnlyList<string> Kinds { get; } =
    [
        "fade", "fadefast", "fadeslow", "distance", "fadeblack", "fadewhite", "fadegrays", "dissolve", "pixelize", "hblur", "zoomin",
        "wipeleft", "wiperight", "wipeup", "wipedown", "wipetl", "wipetr", "wipebl", "wipebr", "slideleft", "slideright", "slideup", "slidedown",
        "smoothleft", "smoothright", "smoothup", "smoothdown", "circleopen", "circleclose", "circlecrop", "rectcrop", "radial",
        "vertopen", "vertclose", "horzopen", "horzclose", "diagtl", "diagtr", "diagbl", "diagbr", "hlslice", "hrslice", "vuslice", "vdslice", "squeezeh", "squeezev",
    ];

    /// <summary>The picture at progress <paramref name="p"/>, 0 = only a, 1 = only b.</summary>
    /// <param name="kind">One of <see cref="Kinds"/>.</param>
    /// <param name="a">[h, w, 3].</param>
    /// <param name="b">[h, w, 3].</param>
    /// <param name="w">Pixels.</param>
    /// <param name="h">Pixels.</param>
    /// <param name="p">Progress.</param>
    public static byte[] Blend(string kind, byte[] a, byte[] b, int w, int h, double p)
    {
        byte[] result = new byte[a.Length];
        for (int y = 0; y < h; y++)
        {
            for (int x = 0; x < w; x++)
            {
                double u = (x + 0.5) / w, v = (y + 0.5) / h;
                for (int c = 0; c < 3; c++) { result[(((y * w) + x) * 3) + c] = (byte)Math.Clamp(Math.Round(Sample(kind, a, b, w, h, u, v, x, y, c, p)), 0, 255); }
            }
        }
        return result;
    }

    private static double Sample(string kind, byte[] a, byte[] b, int w, int h, double u, double v, int x, int y, int c, double p)
    {
        double A(double s, double t) => At(a, w, h, s, t, c);
        double B(double s, double t) => At(b, w, h, s, t, c);
        double Mix(double weight) => (A(u, v) * (1 - weight)) + (B(u, v) * weight);
        double radius = Math.Sqrt(((u - 0.5) * (u - 0.5)) + ((v - 0.5) * (v - 0.5))) / Math.Sqrt(0.5);
        switch (kind)
        {
            case "fadeblack": return p < 0.5 ? A(u, v) * (1 - (2 * p)) : B(u, v) * ((2 * p) - 1);
            case "fadewhite": return p < 0.5 ? A(u, v) + ((255 - A(u, v)) * 2 * p) : B(u, v) + ((255 - B(u, v)) * (2 - (2 * p)));
            case "fadegrays":
                byte[] shown = p < 0.5 ? a : b;
                double gray = (At(shown, w, h, u, v, 0) + At(shown, w, h, u, v, 1) + At(shown, w, h, u, v, 2)) / 3, color = Math.Abs(1 - (2 * p));
                return (At(shown, w, h, u, v, c) * color) + (gray * (1 - color));
            case "pixelize":
                double cells = Math.Max(4, w * Math.Abs(1 - (2 * p)));
                double s = (Math.Floor(u * cells) + 0.5) / cells, t = (Math.Floor(v * cells) + 0.5) / cells;
                return (A(s, t) * (1 - p)) + (B(s, t) * p);
            case "hblur":
                double sum = 0, reach = 1 - Math.Abs(1 - (2 * p));
                for (int k = -BlurReach; k <= BlurReach; k++) { sum += (A(u + (k * reach / 50), v) * (1 - p)) + (B(u + (k * reach / 50), v) * p); }
                return sum / ((2 * BlurReach) + 1);
            case "zoomin":
                double zoom = 1 - (0.9 * Math.Min(1, 2 * p)), fade = Math.Max(0, (2 * p) - 1);
                return (A(0.5 + ((u - 0.5) * zoom), 0.5 + ((v - 0.5) * zoom)) * (1 - fade)) + (B(u, v) * fade);
            case "slideleft": return u + p < 1 ? A(u + p, v) : B(u + p - 1, v);
            case "slideright": return u - p >= 0 ? A(u - p, v) : B(u - p + 1, v);
            case "slideup": return v + p < 1 ? A(u, v + p) : B(u, v + p - 1);
            case "slidedown": return v - p >= 0 ? A(u, v - p) : B(u, v - p + 1);
            case "squeezeh": return Math.Abs(v - 0.5) < (1 - p) / 2 ? A(u, 0.5 + ((v - 0.5) / (1 - p))) : B(u, v);
            case "squeezev": return Math.Abs(u - 0.5) < (1 - p) / 2 ? A(0.5 + ((u - 0.5) / (1 - p)), v) : B(u, v);
            case "circlecrop": return radius < Math.Abs(1 - (2 * p)) ? (p < 0.5 ? A(u, v) : B(u, v)) : 0;
            case "rectcrop": return Math.Max(Math.Abs(u - 0.5), Math.Abs(v - 0.5)) < Math.Abs(1 - (2 * p)) / 2 ? (p < 0.5 ? A(u, v) : B(u, v)) : 0;
            default: return Mix(Weight(kind, u, v, radius, x, y, p));
        }
    }

    // How much of the second picture shows at a point.
    private static double Weight(string kind, double u, double v, double radius, int x, int y, double p)
    {
        static double If(bool condition) => condition ? 1 : 0;
        double Smooth(double s)
        {
            double t = Math.Clamp(s - 1 + (2 * p), 0, 1);
            return t * t * (3 - (2 * t));
        }
        double Slice(double s) => If((s * Slices) - Math.Floor(s * Slices) < Math.Clamp((2 * p) - s, 0, 1));
        return kind switch
        {
            "fade" or "distance" => p,
            "fadefast" => Math.Sqrt(p),
            "fadeslow" => p * p,
            "dissolve" => If(Noise(x, y) < p),
            "wipeleft" => If(u > 1 - p),
            "wiperight" => If(u < p),
            "wipeup" => If(v > 1 - p),
            "wipedown" => If(v < p),
            "wipetl" => If(u > 1 - p || v > 1 - p),
            "wipetr" => If(u < p || v > 1 - p),
            "wipebl" => If(u > 1 - p || v < p),
            "wipebr" => If(u < p || v < p),
            "smoothleft" => Smooth(u),
            "smoothright" => Smooth(1 - u),
            "smoothup" => Smooth(v),
            "smoothdown" => Smooth(1 - v),
            "circleopen" => If(radius < p),
            "circleclose" => If(radius > 1 - p),
            "radial" => If((Math.Atan2(u - 0.5, v - 0.5) / (2 * Math.PI)) + 0.5 < p),
            "vertopen" => If(Math.Abs(u - 0.5) < p / 2),
            "vertclose" => If(Math.Abs(u - 0.5) > (1 - p) / 2),
            "horzopen" => If(Math.Abs(v - 0.5) < p / 2),
            "horzclose" => If(Math.Abs(v - 0.5) > (1 - p) / 2),
            "diagtl" => Smooth((u + v) / 2),
            "diagtr" => Smooth((1 - u + v) / 2),
            "diagbl" => Smooth((u + 1 - v) / 2),
            "diagbr" => Smooth((2 - u - v) / 2),
            "hlslice" => Slice(1 - u),
            "hrslice" => Slice(u),
            "vuslice" => Slice(1 - v),
            "vdslice" => Slice(v),
            _ => throw new ArgumentException($"There is no transition \"{kind}\".", nameof(kind)),
        };
    }

    private static double At(byte[] picture, int w, int h, double u, double v, int c)
    {
        int x = Math.Clamp((int)(u * w), 0, w - 1), y = Math.Clamp((int)(v * h), 0, h - 1);
        return picture[(((y * w) + x) * 3) + c];
    }

    private static double Noise(int x, int y)
    {
        uint n = (uint)((x * 73856093) ^ (y * 19349663));
        n = (n ^ (n >> 13)) * 0x5bd1e995;
        return ((n ^ (n >> 15)) & 0xFFFF) / 65536.0;
    }
}
