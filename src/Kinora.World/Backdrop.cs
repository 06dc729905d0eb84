namespace Kinora.World;

/// <summary>The picture of a setting. Coordinates are fractions of the frame, y down; a margin beyond [0, 1] is there for the camera.</summary>
internal static class Backdrop
{
    /// <summary>Canvas side per frame side: an eighth of margin all around.</summary>
    public const double Margin = 0.125;

    /// <summary>Paints the canvas, RGB bytes row-major, 2×2 samples a pixel.</summary>
    public static void Paint(Setting setting, ulong look, int frameWidth, int frameHeight, int width, int height, Span<byte> rgb)
    {
        var style = new Style(setting, look);
        double left = -(width - frameWidth) / 2.0, top = -(height - frameHeight) / 2.0, aspect = (double)frameWidth / frameHeight;
        for (int y = 0, o = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++, o += 3)
            {
                int r = 0, g = 0, b = 0;
                for (int s = 0; s < 4; s++)
                {
                    double u = (left + x + 0.25 + 0.5 * (s & 1)) / frameWidth, v = (top + y + 0.25 + 0.5 * (s >> 1)) / frameHeight;
                    Rgb c = style.At(u * aspect, v);
                    r += c.R;
                    g += c.G;
                    b += c.B;
                }
                rgb[o] = (byte)((r + 2) / 4);
                rgb[o + 1] = (byte)((g + 2) / 4);
                rgb[o + 2] = (byte)((b + 2) / 4);
            }
        }
    }

    private readonly record struct Rgb(int R, int G, int B)
    {
        public static Rgb Mix(Rgb a, Rgb b, double t)
        {
            t = Math.Clamp(t, 0, 1);
            return new Rgb((int)(a.R + (b.R - a.R) * t), (int)(a.G + (b.G - a.G) * t), (int)(a.B + (b.B - a.B) * t));
        }
    }

    private readonly struct Style(Setting setting, ulong look)
    {
        // One of eight slides of the decor and one of three heights of the horizon; the look of a setting stays.
        private readonly double _shift = (look & 7) / 8.0, _rise = ((look >> 8) % 3) / 2.0 - 0.5;

        public Rgb At(double x, double y) => setting switch
        {
            Setting.NightCity => NightCity(x, y),
            Setting.Beach => Beach(x, y),
            Setting.Snow => Snow(x, y),
            Setting.Space => Space(x, y),
            Setting.Forest => Forest(x, y),
            Setting.Desert => Desert(x, y),
            Setting.Underwater => Underwater(x, y),
            _ => Meadow(x, y),
        };

        private Rgb NightCity(double x, double y)
        {
            const double columns = 6, windowsAcross = 3, floors = 17;
            Rgb sky = Rgb.Mix(new Rgb(10, 12, 44), new Rgb(70, 44, 110), y);
            if (Disc(x - 0.82, y - 0.14, 0.07))
                return new Rgb(245, 240, 200);
            double c = x * columns + 8 * _shift;
            int column = (int)Math.Floor(c);
            double roof = 0.46 + 0.3 * Hash(column, 1) + 0.06 * _rise;
            if (y < roof)
                return sky;
            double wx = (c - column) * windowsAcross, wy = (y - roof) * floors;
            int i = (int)Math.Floor(wx), j = (int)Math.Floor(wy);
            bool window = wx - i is > 0.25 and < 0.85 && wy - j is > 0.3 and < 0.8 && c - column is > 0.06 and < 0.94;
            return window && Hash(column * 37 + i, j) > 0.56 ? new Rgb(255, 214, 110) : Rgb.Mix(new Rgb(26, 28, 52), new Rgb(38, 34, 66), Hash(column, 2));
        }

        private Rgb Beach(double x, double y)
        {
            double horizon = 0.42 + 0.06 * _rise, shore = 0.68 + 0.03 * Wave(x * 1.5 + _shift) + 0.05 * _rise;
            if (y < horizon)
                return Disc(x - 0.16, y - 0.15, 0.09) ? new Rgb(255, 236, 120) : Rgb.Mix(new Rgb(105, 190, 245), new Rgb(200, 232, 250), y / horizon);
            if (y < shore - 0.03)
                return Wave(x * 5 + y * 14 + _shift) > 0.86 ? new Rgb(120, 205, 225) : Rgb.Mix(new Rgb(20, 110, 190), new Rgb(50, 175, 205), (y - horizon) / (shore - horizon));
            return y < shore ? new Rgb(240, 248, 250) : Rgb.Mix(new Rgb(238, 212, 150), new Rgb(222, 188, 120), (y - shore) * 3);
        }

        private Rgb Snow(double x, double y)
        {
            if (Speckle(x, y, 9, 0.13, 5))
                return new Rgb(255, 255, 255);
            double hill = 0.66 + 0.05 * Wave(x * 0.8 + _shift) + 0.05 * _rise;
            if (y > hill)
                return Rgb.Mix(new Rgb(232, 240, 250), new Rgb(200, 214, 236), (y - hill) * 2.5);
            double far = 0.5 + 0.16 * Math.Abs(2 * Frac(x * 1.3 + _shift) - 1) + 0.05 * _rise;
            return y > far ? Rgb.Mix(new Rgb(150, 170, 200), new Rgb(176, 192, 216), (y - far) * 4) : Rgb.Mix(new Rgb(128, 150, 184), new Rgb(188, 202, 222), y * 1.6);
        }

        private Rgb Space(double x, double y)
        {
            if (Speckle(x, y, 11, 0.11, 6))
                return new Rgb(235, 235, 255);
            double px = x - 0.85, py = y - 0.2 - 0.1 * _rise, band = py * 18;
            if (Disc(px, py, 0.17))
                return Rgb.Mix(new Rgb(60, 130, 140), new Rgb(110, 180, 170), Wave(band * 0.3));
            if (px * px / 0.085 + (py + px * 0.35) * (py + px * 0.35) / 0.0011 < 1)
                return new Rgb(190, 170, 130);
            return Rgb.Mix(new Rgb(6, 5, 20), new Rgb(30, 12, 48), y + 0.2 * Wave(x + _shift));
        }

        private Rgb Forest(double x, double y)
        {
            double ground = 0.8 + 0.04 * _rise;
            if (y > ground)
                return Wave(x * 9 + _shift) * 0.02 + ground > y ? new Rgb(58, 110, 44) : new Rgb(44, 86, 36);
            double c = x * 5 + 5 * _shift;
            double off = Math.Abs(c - Math.Floor(c) - 0.5);
            double width = 0.1 + 0.06 * Hash((int)Math.Floor(c), 3);
            double canopy = 0.24 + 0.06 * Wave(x * 3.1 + _shift) + 0.03 * Wave(x * 8);
            if (y < canopy)
                return Wave(x * 7 + y * 6 + _shift) > 0.3 ? new Rgb(28, 92, 40) : new Rgb(22, 74, 34);
            return off < width ? Rgb.Mix(new Rgb(96, 62, 34), new Rgb(70, 44, 26), off / width) : Rgb.Mix(new Rgb(70, 120, 74), new Rgb(122, 160, 96), (y - canopy) * 1.5);
        }

        private Rgb Desert(double x, double y)
        {
            double dune = 0.66 + 0.07 * Wave(x * 0.9 + _shift) + 0.06 * _rise, far = 0.56 + 0.06 * Wave(x * 0.6 + 0.4 + _shift) + 0.04 * _rise;
            double cx = Math.Abs(x - 0.1 - 0.1 * _shift);
            bool cactus = (cx < 0.026 && y > 0.48 && y < 0.78) || (cx < 0.09 && Math.Abs(y - 0.62) < 0.02) || (Math.Abs(cx - 0.078) < 0.018 && y > 0.54 && y < 0.63);
            if (cactus)
                return new Rgb(60, 120, 60);
            if (y > dune)
                return Rgb.Mix(new Rgb(222, 160, 84), new Rgb(190, 124, 58), (y - dune) * 2.5);
            if (y > far)
                return new Rgb(206, 138, 78);
            return Disc(x - 0.8, y - 0.2, 0.1) ? new Rgb(255, 246, 214) : Rgb.Mix(new Rgb(246, 158, 96), new Rgb(255, 218, 160), y / 0.6);
        }

        private Rgb Underwater(double x, double y)
        {
            double c = x * 6 + 6 * _shift;
            int column = (int)Math.Floor(c);
            double sway = c - column - 0.5 + 0.18 * (Wave(y * 2.2 + Hash(column, 4)) - 0.5);
            if (y > 0.62 + 0.22 * Hash(column, 5) && Math.Abs(sway) < 0.13)
                return Rgb.Mix(new Rgb(36, 140, 90), new Rgb(16, 90, 70), y);
            if (y > 0.9)
                return new Rgb(150, 140, 100);
            if (Speckle(x, y, 6, 0.16, 7))
                return new Rgb(150, 220, 240);
            return Rgb.Mix(new Rgb(30, 150, 190), new Rgb(6, 44, 100), y + 0.1 * (Wave(x * 2 + y + _shift) - 0.5));
        }

        private Rgb Meadow(double x, double y)
        {
            double hill = 0.6 + 0.06 * Wave(x * 0.7 + _shift) + 0.06 * _rise;
            if (y > hill)
            {
                if (y > hill + 0.08 && Speckle(x, y, 9, 0.13, 8))
                    return Hash((int)(x * 9), (int)(y * 9)) > 0.5 ? new Rgb(255, 240, 130) : new Rgb(255, 200, 220);
                return Rgb.Mix(new Rgb(128, 205, 80), new Rgb(70, 160, 56), (y - hill) * 2.6);
            }
            double a = x - 0.24 - 0.15 * _shift, b = x - 0.78 + 0.1 * _shift;
            bool cloud = a * a / 0.02 + (y - 0.2) * (y - 0.2) / 0.0035 < 1 || b * b / 0.012 + (y - 0.32) * (y - 0.32) / 0.0022 < 1;
            return cloud ? new Rgb(250, 252, 255) : Rgb.Mix(new Rgb(96, 170, 246), new Rgb(184, 220, 250), y / 0.6);
        }

        // Sparse dots on a jittered grid.
        private bool Speckle(double x, double y, double cells, double radius, int salt)
        {
            double gx = x * cells + 13 * _shift, gy = y * cells;
            int i = (int)Math.Floor(gx), j = (int)Math.Floor(gy);
            if (Hash(i * 131 + salt, j) < 0.6)
                return false;
            double cx = 0.25 + 0.5 * Hash(i * 17 + salt, j + 100), cy = 0.25 + 0.5 * Hash(i * 29 + salt, j + 200);
            return Disc(gx - i - cx, gy - j - cy, radius * (0.6 + 0.8 * Hash(i * 7 + salt, j + 300)));
        }

        private static bool Disc(double dx, double dy, double radius) => dx * dx + dy * dy < radius * radius;

        private static double Frac(double v) => v - Math.Floor(v);

        // A smooth wave in [0, 1] with period 1: no platform sine.
        private static double Wave(double v)
        {
            double f = Math.Abs(2 * Frac(v) - 1);
            return DeterministicMath.Smooth(f);
        }

        private static double Hash(int a, int b) => (Randomness.Mix(((ulong)(uint)a << 32) ^ (uint)b ^ 0x5851F42D4C957F2D) >> 40) / 16777216.0;
    }
}
