// Shrinking by area average with OpenCV's rounding (INTER_AREA on 8-bit pictures).
// Source: OpenCV 4.6, imgproc/src/resize.cpp: whole factors sum integers, others weight in float32.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

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
        int[] columns = new int[w];
        for (int y = 0; y < th; y++)
        {
            Array.Clear(columns);
            for (int v = 0; v < ky; v++) { PlaneSums.Add(source.Slice(((y * ky) + v) * w, w), columns); }
            for (int x = 0; x < tw; x++)
            {
                int sum = 0;
                foreach (int column in columns.AsSpan(x * kx, kx)) { sum += column; }
                target[(y * tw) + x] = kx == 2 && ky == 2 ? (byte)((sum + 2) >> 2) : Saturate(sum * scale);
            }
        }
    }

    private static void ShrinkWeighted(ReadOnlySpan<byte> source, int w, int h, Span<byte> target, int tw, int th)
    {
        var columns = Weights(w, tw);
        var rows = Weights(h, th);
        // Rows are summed along four at a time: each is a chain of additions of its own.
        Span<float> lines = new float[4 * tw], sum = new float[tw];
        int current = 0, at = 0;
        while (at < rows.Count)
        {
            int n = Math.Min(4, rows.Count - at);
            SumAlong(source, w, (rows[at].Source, rows[at + Math.Min(1, n - 1)].Source, rows[at + Math.Min(2, n - 1)].Source, rows[at + n - 1].Source), columns, lines);
            for (int k = 0; k < n; k++)
            {
                var (_, dy, beta) = rows[at + k];
                if (dy != current)
                {
                    Store(sum, target.Slice(current * tw, tw));
                    sum.Clear();
                    current = dy;
                }
                for (int x = 0; x < tw; x++) { sum[x] += beta * lines[(4 * x) + k]; }
            }
            at += n;
        }
        Store(sum, target.Slice(current * tw, tw));
    }

    // lines[4 x + k] = Σ weight·sample over the columns of target x in the k-th of four rows, in order of the columns.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumAlong(ReadOnlySpan<byte> source, int w, (int A, int B, int C, int D) rows, List<(int Source, int Target, float Weight)> columns, Span<float> lines)
    {
        ReadOnlySpan<byte> a = source.Slice(rows.A * w, w), b = source.Slice(rows.B * w, w), c = source.Slice(rows.C * w, w), d = source.Slice(rows.D * w, w);
        var line = Vector128<float>.Zero;
        int target = 0;
        foreach (var (x, dx, weight) in CollectionsMarshal.AsSpan(columns))
        {
            if (dx != target)
            {
                line.CopyTo(lines[(4 * target)..]);
                (line, target) = (Vector128<float>.Zero, dx);
            }
            line += Vector128.ConvertToSingle(Vector128.Create(a[x], b[x], c[x], (int)d[x])) * weight;
        }
        line.CopyTo(lines[(4 * target)..]);
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
