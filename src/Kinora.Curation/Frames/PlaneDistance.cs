// Distances between two planes of the same size.
using System.Numerics;
using System.Runtime.InteropServices;

namespace Kinora.Curation.Frames;

internal static class PlaneDistance
{
    /// <summary>Mean absolute difference per sample.</summary>
    public static double Mean(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b) => (double)Sum(a, b) / a.Length;

    /// <summary>Sum of absolute differences.</summary>
    public static long Sum(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        long total = 0;
        int lanes = Vector<byte>.Count;
        var va = MemoryMarshal.Cast<byte, Vector<byte>>(a);
        var vb = MemoryMarshal.Cast<byte, Vector<byte>>(b);
        // 16-bit sums of two bytes per step overflow after 128 steps at the earliest.
        for (int start = 0; start < va.Length; start += 64)
        {
            var low = Vector<ushort>.Zero;
            var high = Vector<ushort>.Zero;
            int end = Math.Min(start + 64, va.Length);
            for (int i = start; i < end; i++)
            {
                var difference = Vector.Max(va[i], vb[i]) - Vector.Min(va[i], vb[i]);
                Vector.Widen(difference, out var l, out var h);
                low += l;
                high += h;
            }
            Vector.Widen(low, out var l0, out var l1);
            Vector.Widen(high, out var h0, out var h1);
            total += Vector.Sum(l0 + l1 + h0 + h1);
        }
        for (int i = va.Length * lanes; i < a.Length; i++) { total += Math.Abs(a[i] - b[i]); }
        return total;
    }
}
