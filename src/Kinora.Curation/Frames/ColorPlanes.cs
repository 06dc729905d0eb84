// 8-bit color conversions with OpenCV's fixed-point rounding, so that thresholds tuned on OpenCV pictures keep their meaning.
// Source: OpenCV 4.6, color_hsv.simd.hpp, color_yuv.simd.hpp, color_rgb.simd.hpp (formulas and constants).
namespace Kinora.Curation.Frames;

/// <summary>Planes of hue (0..179), saturation and value (0..255) or luma from rows of B, G, R.</summary>
internal static class ColorPlanes
{
    private const int HsvShift = 12, HueRange = 180;
    private static readonly int[] SaturationDivisor = Divisors(255.0), HueDivisor = Divisors(HueRange / 6.0);

    /// <summary>Hue, saturation, value.</summary>
    public static void Hsv(ReadOnlySpan<byte> bgr, Span<byte> hue, Span<byte> saturation, Span<byte> value)
    {
        const int half = 1 << (HsvShift - 1);
        for (int i = 0; i < hue.Length; i++)
        {
            int b = bgr[3 * i], g = bgr[(3 * i) + 1], r = bgr[(3 * i) + 2];
            int v = Math.Max(b, Math.Max(g, r));
            int chroma = v - Math.Min(b, Math.Min(g, r));
            int sector = v == r ? g - b : v == g ? b - r + (2 * chroma) : r - g + (4 * chroma);
            int h = ((sector * HueDivisor[chroma]) + half) >> HsvShift;
            hue[i] = (byte)(h < 0 ? h + HueRange : h);
            saturation[i] = (byte)(((chroma * SaturationDivisor[v]) + half) >> HsvShift);
            value[i] = (byte)v;
        }
    }

    /// <summary>Y of YUV, 14-bit weights: the plane that histograms are taken of.</summary>
    public static void Luma14(ReadOnlySpan<byte> bgr, Span<byte> luma)
    {
        for (int i = 0; i < luma.Length; i++)
        {
            luma[i] = (byte)(((bgr[3 * i] * 1868) + (bgr[(3 * i) + 1] * 9617) + (bgr[(3 * i) + 2] * 4899) + (1 << 13)) >> 14);
        }
    }

    /// <summary>Gray, 15-bit weights.</summary>
    public static void Gray(ReadOnlySpan<byte> bgr, Span<byte> gray)
    {
        for (int i = 0; i < gray.Length; i++)
        {
            gray[i] = (byte)(((bgr[3 * i] * 3735) + (bgr[(3 * i) + 1] * 19235) + (bgr[(3 * i) + 2] * 9798) + (1 << 14)) >> 15);
        }
    }

    private static int[] Divisors(double numerator)
    {
        var table = new int[256];
        for (int i = 1; i < 256; i++) { table[i] = (int)Math.Round(numerator * (1 << HsvShift) / i, MidpointRounding.ToEven); }
        return table;
    }
}
