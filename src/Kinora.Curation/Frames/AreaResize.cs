// Shrinking by area average with OpenCV's rounding (INTER_AREA on 8-bit pictures).
// Source: OpenCV 4.6, imgproc/src/resize.cpp: whole factors sum integers, others weight in float32.
namespace Kinora.Curation.Frames;

/// <summary>Area average of one plane.</summary>
internal static class AreaResize
{
    /// <summary>Shrinks <paramref name="source"/> [h, w] into <paramref name="target"/> [th, tw]; both factors are at least 1.</summary>
    public static void Shrink(ReadOnlySpan<byte> source, int w, int h, Span<byte> target, int tw, int th)
    {
        if (w % tw == 0 && h % th == 0) { ShrinkWhole(source, w, w / tw, h / th, target, tw, th); }
        else { ShrinkWeighted(source, w, h, target, tw, th); }
    }

    private static void ShrinkWhole(ReadOnlySpan<byte> source, int w, int kx, int ky, Span<byte> target, int tw, int th)
    {
        float scale = 1f / (kx * ky);
        for (int y = 0; y < th; y++)
        {
            for (int x = 0; x < tw; x++)
            {
                int sum = 0;
                for (int v = 0; v < ky; v++)
                {
                    var row = source.Slice((((y * ky) + v) * w) + (x * kx), kx);
                    foreach (byte sample in row) { sum += sample; }
                }
                target[(y * tw) + x] = kx == 2 && ky == 2 ? (byte)((sum + 2) >> 2) : Saturate(sum * scale);
            }
        }
    }

    private static void ShrinkWeighted(ReadOnlySpan<byte> source, int w, int h, Span<byte> target, int tw, int th)
    {
        var columns = Weights(w, tw);
        var rows = Weights(h, th);
        Span<float> line = new float[tw], sum = new float[tw];
        int current = 0;
        foreach (var (sy, dy, beta) in rows)
        {
            line.Clear();
            var row = source.Slice(sy * w, w);
            foreach (var (sx, dx, alpha) in columns) { line[dx] += row[sx] * alpha; }
            if (dy != current)
            {
                Store(sum, target.Slice(current * tw, tw));
                sum.Clear();
                current = dy;
            }
            for (int x = 0; x < tw; x++) { sum[x] += beta * line[x]; }
        }
        Store(sum, target.Slice(current * tw, tw));
    }

    private static void Store(ReadOnlySpan<float> sum, Span<byte> row)
    {
        for (int x = 0; x < row.Length; x++) { row[x] = Saturate(sum[x]); }
    }

    private static byte Saturate(float value) => (byte)Math.Clamp((int)MathF.Round(value, MidpointRounding.ToEven), 0, 255);

    // Which source samples each target sample covers, and by how much.
    private static List<(int Source, int Target, float Weight)> Weights(int size, int target)
    {
        var weights = new List<(int, int, float)>();
        double scale = (double)size / target;
        for (int d = 0; d < target; d++)
        {
            double from = d * scale, to = from + scale;
            double width = Math.Min(scale, size - from);
            int first = (int)Math.Ceiling(from), last = Math.Min((int)Math.Floor(to), size - 1);
            first = Math.Min(first, last);
            if (first - from > 1e-3) { weights.Add((first - 1, d, (float)((first - from) / width))); }
            for (int s = first; s < last; s++) { weights.Add((s, d, (float)(1.0 / width))); }
            if (to - last > 1e-3) { weights.Add((last, d, (float)(Math.Min(Math.Min(to - last, 1.0), width) / width))); }
        }
        return weights;
    }
}
