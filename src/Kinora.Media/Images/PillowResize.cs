// Resampling with the very numbers of Pillow, which published image processors and metrics rely on.
// Source of the method: python-pillow/Pillow 9.4.0, src/libImaging/Resample.c (8 bits per channel) and Geometry.c (nearest).
//
// A filter of support s is widened by the shrinking factor, sampled at pixel centers and normalized to sum 1 in double precision, then
// rounded to 22 binary places. Rows are resampled first, then columns, each result rounded and clipped to 8 bits.
namespace Kinora.Media;

/// <summary>Filters of <see cref="PillowResize"/>; the values are Pillow's own, as <c>"resample"</c> in configurations.</summary>
public enum PillowFilter
{
    /// <summary>The pixel under the center.</summary>
    Nearest = 0,

    /// <summary>Lanczos with three lobes.</summary>
    Lanczos = 1,

    /// <summary>Triangle.</summary>
    Bilinear = 2,

    /// <summary>Cubic convolution with a = −0.5.</summary>
    Bicubic = 3,

    /// <summary>Mean of the covered pixels.</summary>
    Box = 4,

    /// <summary>Hamming-windowed sinc of one lobe.</summary>
    Hamming = 5,
}

/// <summary>Pictures of another size, bit for bit as Pillow makes them.</summary>
public static class PillowResize
{
    private const int Bits = 32 - 8 - 2;

    /// <summary>The picture stretched to a size; the same object when it has that size.</summary>
    public static VideoFrame Resize(VideoFrame frame, int width, int height, PillowFilter filter)
    {
        ArgumentNullException.ThrowIfNull(frame);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (frame.Width == width && frame.Height == height)
        {
            return frame;
        }
        if (filter == PillowFilter.Nearest)
        {
            return Nearest(frame, width, height);
        }
        byte[] rgb = frame.Rgb;
        if (frame.Width != width)
        {
            rgb = Rows(rgb, frame.Width, frame.Height, Taps(frame.Width, width, filter));
        }
        if (frame.Height != height)
        {
            rgb = Columns(rgb, width, Taps(frame.Height, height, filter));
        }
        return new VideoFrame(width, height, rgb, frame.Pts);
    }

    // One output sample: weights of the input samples from First on.
    private readonly record struct Tap(int First, int[] Weights);

    private static Tap[] Taps(int from, int to, PillowFilter filter)
    {
        (double support, Func<double, double> kernel) = Kernel(filter);
        double scale = (double)from / to, widening = Math.Max(scale, 1);
        support *= widening;
        var taps = new Tap[to];
        for (int i = 0; i < to; i++)
        {
            double center = (i + 0.5) * scale;
            int first = Math.Max(0, (int)(center - support + 0.5)), count = Math.Min(from, (int)(center + support + 0.5)) - first;
            var weights = new double[count];
            double sum = 0;
            for (int k = 0; k < count; k++)
            {
                weights[k] = kernel((k + first - center + 0.5) / widening);
                sum += weights[k];
            }
            taps[i] = new Tap(first, Array.ConvertAll(weights, w => Fixed(sum == 0 ? w : w / sum)));
        }
        return taps;
    }

    private static int Fixed(double weight) => (int)((weight < 0 ? -0.5 : 0.5) + (weight * (1 << Bits)));

    private static (double Support, Func<double, double> Kernel) Kernel(PillowFilter filter) => filter switch
    {
        PillowFilter.Box => (0.5, static x => x is > -0.5 and <= 0.5 ? 1 : 0),
        PillowFilter.Bilinear => (1, static x => Math.Max(0, 1 - Math.Abs(x))),
        PillowFilter.Hamming => (1, static x => Math.Abs(x) >= 1 ? 0 : Sinc(x) * (0.54 + (0.46 * Math.Cos(Math.PI * x)))),
        PillowFilter.Bicubic => (2, Cubic),
        PillowFilter.Lanczos => (3, static x => x is >= -3 and < 3 ? Sinc(x) * Sinc(x / 3) : 0),
        _ => throw new ArgumentOutOfRangeException(nameof(filter), filter, "not a resampling filter"),
    };

    private static double Cubic(double x)
    {
        const double a = -0.5;
        x = Math.Abs(x);
        return x < 1 ? ((((a + 2) * x) - (a + 3)) * x * x) + 1 : x < 2 ? (((((x - 5) * x) + 8) * x) - 4) * a : 0;
    }

    private static double Sinc(double x) => x == 0 ? 1 : Math.Sin(x * Math.PI) / (x * Math.PI);

    private static byte[] Rows(byte[] source, int width, int height, Tap[] taps)
    {
        byte[] target = GC.AllocateUninitializedArray<byte>(checked(taps.Length * height * 3));
        Parallel.For(0, height, y =>
        {
            ReadOnlySpan<byte> row = source.AsSpan(y * width * 3, width * 3);
            Span<byte> to = target.AsSpan(y * taps.Length * 3, taps.Length * 3);
            for (int x = 0; x < taps.Length; x++)
            {
                int r = 1 << (Bits - 1), g = r, b = r, at = taps[x].First * 3;
                foreach (int w in taps[x].Weights)
                {
                    r += row[at] * w;
                    g += row[at + 1] * w;
                    b += row[at + 2] * w;
                    at += 3;
                }
                to[x * 3] = Clip(r);
                to[(x * 3) + 1] = Clip(g);
                to[(x * 3) + 2] = Clip(b);
            }
        });
        return target;
    }

    private static byte[] Columns(byte[] source, int width, Tap[] taps)
    {
        int stride = width * 3;
        byte[] target = GC.AllocateUninitializedArray<byte>(checked(taps.Length * stride));
        Parallel.For(0, taps.Length, y =>
        {
            var sums = new int[stride];
            Array.Fill(sums, 1 << (Bits - 1));
            int at = taps[y].First * stride;
            foreach (int w in taps[y].Weights)
            {
                ReadOnlySpan<byte> row = source.AsSpan(at, stride);
                for (int i = 0; i < stride; i++)
                {
                    sums[i] += row[i] * w;
                }
                at += stride;
            }
            Span<byte> to = target.AsSpan(y * stride, stride);
            for (int i = 0; i < stride; i++)
            {
                to[i] = Clip(sums[i]);
            }
        });
        return target;
    }

    private static byte Clip(int sum) => (byte)Math.Clamp(sum >> Bits, 0, 255);

    private static VideoFrame Nearest(VideoFrame frame, int width, int height)
    {
        byte[] rgb = GC.AllocateUninitializedArray<byte>(checked(width * height * 3));
        int[] columns = Centers(frame.Width, width), rows = Centers(frame.Height, height);
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                frame.Rgb.AsSpan(((rows[y] * frame.Width) + columns[x]) * 3, 3).CopyTo(rgb.AsSpan(((y * width) + x) * 3));
            }
        }
        return new VideoFrame(width, height, rgb, frame.Pts);
    }

    // Positions are sums of the step, as in the reference, not products.
    private static int[] Centers(int from, int to)
    {
        double step = (double)from / to, at = step * 0.5;
        var centers = new int[to];
        for (int i = 0; i < to; i++, at += step)
        {
            centers[i] = Math.Min((int)at, from - 1);
        }
        return centers;
    }
}
