// Resampling with OpenCV's weights, which published preprocessing and metrics rely on.
// Source of the method: OpenCV 4.6, imgproc/src/resize.cpp. OpenCV rounds weights to 11 binary places on 8-bit pictures; here they are exact,
// so a sample may differ by one level.
//
//     linear, cubic   output i lies at (i + ½) · scale − ½ of the input; beyond the border the last pixel repeats; nothing widens the kernel
//                     when shrinking, so details alias as they do there
//     area            mean over the covered interval [i · scale, (i + 1) · scale)
namespace Kinora.Media;

/// <summary>Pictures of another size, as OpenCV makes them.</summary>
public static class OpenCvResize
{
    /// <summary>The picture stretched to a size; the same object when it has that size.</summary>
    /// <param name="frame">The picture.</param>
    /// <param name="width">Pixels, at least 1.</param>
    /// <param name="height">Pixels, at least 1.</param>
    /// <param name="filter">Bilinear, bicubic (a = −0.75), or area, which only shrinks.</param>
    /// <exception cref="ArgumentException">Area was asked to enlarge, or the filter is Lanczos.</exception>
    public static VideoFrame Resize(VideoFrame frame, int width, int height, ScaleFilter filter)
    {
        ArgumentNullException.ThrowIfNull(frame);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (filter == ScaleFilter.Lanczos || (filter == ScaleFilter.Area && (width > frame.Width || height > frame.Height)))
        {
            throw new ArgumentException($"OpenCvResize: {filter} from {frame.Width}×{frame.Height} to {width}×{height} is not supported; use Bilinear or Bicubic.", nameof(filter));
        }
        if (frame.Width == width && frame.Height == height)
        {
            return frame;
        }
        (int At, float Weight)[][] columns = Taps(frame.Width, width, filter), rows = Taps(frame.Height, height, filter);
        var wide = new float[frame.Height * width * 3];
        for (int y = 0; y < frame.Height; y++)
        {
            ReadOnlySpan<byte> row = frame.Rgb.AsSpan(y * frame.Width * 3, frame.Width * 3);
            for (int x = 0; x < width; x++)
            {
                Span<float> to = wide.AsSpan(((y * width) + x) * 3, 3);
                foreach (var (at, weight) in columns[x])
                {
                    to[0] += row[at * 3] * weight;
                    to[1] += row[(at * 3) + 1] * weight;
                    to[2] += row[(at * 3) + 2] * weight;
                }
            }
        }
        byte[] rgb = GC.AllocateUninitializedArray<byte>(checked(width * height * 3));
        int stride = width * 3;
        for (int y = 0; y < height; y++)
        {
            for (int i = 0; i < stride; i++)
            {
                float sum = 0;
                foreach (var (at, weight) in rows[y])
                {
                    sum += wide[(at * stride) + i] * weight;
                }
                rgb[(y * stride) + i] = (byte)Math.Clamp(MathF.Round(sum), 0, 255);
            }
        }
        return new VideoFrame(width, height, rgb, frame.Pts);
    }

    private static (int At, float Weight)[][] Taps(int from, int to, ScaleFilter filter)
    {
        double scale = (double)from / to;
        return [.. Enumerable.Range(0, to).Select(i => filter == ScaleFilter.Area ? Covered(i * scale, Math.Min(from, (i + 1) * scale)) : Around(((i + 0.5) * scale) - 0.5, from, filter))];
    }

    private static (int At, float Weight)[] Covered(double start, double end)
    {
        int first = (int)start, last = (int)Math.Ceiling(end);
        return [.. Enumerable.Range(first, last - first).Select(k => (k, (float)((Math.Min(end, k + 1) - Math.Max(start, k)) / (end - start))))];
    }

    private static (int At, float Weight)[] Around(double center, int from, ScaleFilter filter)
    {
        int under = (int)Math.Floor(center);
        double x = center - under;
        double[] weights = filter == ScaleFilter.Bilinear ? [1 - x, x] : [Cubic(1 + x), Cubic(x), Cubic(1 - x), Cubic(2 - x)];
        int first = under - ((weights.Length / 2) - 1);
        return [.. weights.Select((w, k) => (Math.Clamp(first + k, 0, from - 1), (float)w))];
    }

    private static double Cubic(double x)
    {
        const double a = -0.75;
        return x <= 1 ? ((((a + 2) * x) - (a + 3)) * x * x) + 1 : (((((x - 5) * x) + 8) * x) - 4) * a;
    }
}
