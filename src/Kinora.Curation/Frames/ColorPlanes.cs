// 8-bit color conversions with OpenCV's fixed-point rounding, so that thresholds tuned on OpenCV pictures keep their meaning.
// Source: OpenCV 4.6, color_hsv.simd.hpp, color_yuv.simd.hpp, color_rgb.simd.hpp (formulas and constants).
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Kinora.Curation.Frames;

/// <summary>Planes of hue (0..179), saturation and value (0..255) or luma from rows of B, G, R.</summary>
internal static class ColorPlanes
{
    private const int HsvShift = 12, HueRange = 180;
    private static readonly int[] SaturationDivisor = Divisors(255.0), HueDivisor = Divisors(HueRange / 6.0);
    private static readonly Vector128<byte>[] Indices = PickIndices();

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
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Gray(ReadOnlySpan<byte> bgr, Span<byte> gray)
    {
        const int blue = 3735, green = 19235, red = 9798, half = 1 << 14;
        int i = 0;
        if (Vector128.IsHardwareAccelerated)
        {
            // 16 pixels in three registers: the bytes of each color are picked out of all three.
            for (; i + 16 <= gray.Length; i += 16)
            {
                var first = Vector128.Create(bgr.Slice(3 * i, 16));
                var second = Vector128.Create(bgr.Slice((3 * i) + 16, 16));
                var third = Vector128.Create(bgr.Slice((3 * i) + 32, 16));
                var b = Pick(first, second, third, 0);
                var g = Pick(first, second, third, 1);
                var r = Pick(first, second, third, 2);
                Vector128.Narrow(Weigh(b.GetLower(), g.GetLower(), r.GetLower()), Weigh(b.GetUpper(), g.GetUpper(), r.GetUpper())).CopyTo(gray[i..]);
            }
        }
        for (; i < gray.Length; i++) { gray[i] = (byte)(((bgr[3 * i] * blue) + (bgr[(3 * i) + 1] * green) + (bgr[(3 * i) + 2] * red) + half) >> 15); }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector128<ushort> Weigh(Vector64<byte> b, Vector64<byte> g, Vector64<byte> r)
        {
            Vector128<ushort> wb = Vector128.WidenLower(b.ToVector128()), wg = Vector128.WidenLower(g.ToVector128()), wr = Vector128.WidenLower(r.ToVector128());
            var low = (Vector128.WidenLower(wb) * blue) + (Vector128.WidenLower(wg) * green) + (Vector128.WidenLower(wr) * red) + Vector128.Create((uint)half);
            var high = (Vector128.WidenUpper(wb) * blue) + (Vector128.WidenUpper(wg) * green) + (Vector128.WidenUpper(wr) * red) + Vector128.Create((uint)half);
            return Vector128.Narrow(low >> 15, high >> 15);
        }
    }

    // Byte `color` of each of 16 three-byte pixels.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Pick(Vector128<byte> first, Vector128<byte> second, Vector128<byte> third, int color) =>
        Vector128.Shuffle(first, Indices[color]) | Vector128.Shuffle(second, Indices[3 + color]) | Vector128.Shuffle(third, Indices[6 + color]);

    private static Vector128<byte>[] PickIndices()
    {
        var indices = new Vector128<byte>[9];
        Span<byte> index = stackalloc byte[16];
        for (int part = 0; part < 3; part++)
        {
            for (int color = 0; color < 3; color++)
            {
                // An index beyond the register gives 0.
                for (int pixel = 0; pixel < 16; pixel++)
                {
                    int at = (3 * pixel) + color - (16 * part);
                    index[pixel] = at is >= 0 and < 16 ? (byte)at : byte.MaxValue;
                }
                indices[(3 * part) + color] = Vector128.Create((ReadOnlySpan<byte>)index);
            }
        }
        return indices;
    }

    private static int[] Divisors(double numerator)
    {
        var table = new int[256];
        for (int i = 1; i < 256; i++) { table[i] = (int)Math.Round(numerator * (1 << HsvShift) / i, MidpointRounding.ToEven); }
        return table;
    }
}
