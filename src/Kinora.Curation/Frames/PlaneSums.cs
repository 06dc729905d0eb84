// Exact integer sums over the rows of 8-bit planes, many samples at a time. Compiled at once for the machine's widest registers: these loops are most of the work on a sampled
// picture, and a short run would otherwise end before the compiler finds out.
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Kinora.Curation.Frames;

internal static class PlaneSums
{
    // So many bytes fit into a 16-bit sum, so many squares of Laplacians (at most 1020²) into one of 32 bits.
    private const int WordRun = 256, SquareRun = 1024;

    /// <summary>Adds each sample of a row to the sum of its column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(ReadOnlySpan<byte> row, Span<int> columns)
    {
        int lanes = Vector<int>.Count, at = 0;
        var samples = MemoryMarshal.Cast<byte, Vector<byte>>(row);
        foreach (var sample in samples)
        {
            Vector.Widen(sample, out var low, out var high);
            Vector.Widen(low, out var a, out var b);
            Vector.Widen(high, out var c, out var d);
            Increase(columns[at..], a);
            Increase(columns[(at + lanes)..], b);
            Increase(columns[(at + (2 * lanes))..], c);
            Increase(columns[(at + (3 * lanes))..], d);
            at += 4 * lanes;
        }
        for (; at < row.Length; at++) { columns[at] += row[at]; }

        static void Increase(Span<int> sums, Vector<uint> by) => (new Vector<int>(sums) + Vector.AsVectorInt32(by)).CopyTo(sums);
    }

    /// <summary>The sum of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static long Sum(ReadOnlySpan<byte> row)
    {
        long total = 0;
        var samples = MemoryMarshal.Cast<byte, Vector<byte>>(row);
        for (int start = 0; start < samples.Length; start += WordRun / 2)
        {
            var sum = Vector<ushort>.Zero;
            foreach (var sample in samples[start..Math.Min(start + (WordRun / 2), samples.Length)])
            {
                Vector.Widen(sample, out var low, out var high);
                sum += low + high;
            }
            total += Total(sum);
        }
        foreach (byte sample in row[(samples.Length * Vector<byte>.Count)..]) { total += sample; }
        return total;
    }

    /// <summary>Adds the Laplacian of a row (4 neighbors, reflected border) and its square to the sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddLaplacian(ReadOnlySpan<byte> above, ReadOnlySpan<byte> here, ReadOnlySpan<byte> below, ref long sum, ref long squares)
    {
        int w = here.Length, lanes = Vector<byte>.Count, x = 1;
        while (x + lanes <= w - 1)
        {
            Vector<int> sums = Vector<int>.Zero, squared = Vector<int>.Zero;
            int end = Math.Min(w - 1, x + (lanes * SquareRun / 4));
            for (; x + lanes <= end; x += lanes)
            {
                Vector.Widen(new Vector<byte>(above[x..]), out var aboveLow, out var aboveHigh);
                Vector.Widen(new Vector<byte>(below[x..]), out var belowLow, out var belowHigh);
                Vector.Widen(new Vector<byte>(here[(x - 1)..]), out var leftLow, out var leftHigh);
                Vector.Widen(new Vector<byte>(here[(x + 1)..]), out var rightLow, out var rightHigh);
                Vector.Widen(new Vector<byte>(here[x..]), out var hereLow, out var hereHigh);
                Add(Vector.AsVectorInt16(aboveLow + belowLow + leftLow + rightLow - (hereLow << 2)), ref sums, ref squared);
                Add(Vector.AsVectorInt16(aboveHigh + belowHigh + leftHigh + rightHigh - (hereHigh << 2)), ref sums, ref squared);
            }
            sum += Total(sums);
            squares += Total(squared);
        }
        AddOne(above, here, below, 0, ref sum, ref squares);
        for (; x < w; x++) { AddOne(above, here, below, x, ref sum, ref squares); }

        static void Add(Vector<short> laplacian, ref Vector<int> sums, ref Vector<int> squared)
        {
            Vector.Widen(laplacian, out var low, out var high);
            sums += low + high;
            squared += (low * low) + (high * high);
        }

        static void AddOne(ReadOnlySpan<byte> above, ReadOnlySpan<byte> here, ReadOnlySpan<byte> below, int x, ref long sum, ref long squares)
        {
            int last = here.Length - 1, left = here[x > 0 ? x - 1 : Math.Min(1, last)], right = here[x < last ? x + 1 : Math.Max(last - 1, 0)];
            int laplacian = above[x] + below[x] + left + right - (4 * here[x]);
            sum += laplacian;
            squares += laplacian * laplacian;
        }
    }

    /// <summary>Adds the absolute differences of neighbors along a row to eight sums, by the right neighbor's column modulo 8.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddSteps(ReadOnlySpan<byte> row, Span<long> sums)
    {
        const int grid = 8;
        int w = row.Length, lanes = Vector<byte>.Count, x = 1;
        for (; x < Math.Min(grid, w); x++) { sums[x] += Math.Abs(row[x] - row[x - 1]); }
        Span<ushort> words = stackalloc ushort[Vector<ushort>.Count];
        while (x + lanes <= w)
        {
            var sum = Vector<ushort>.Zero;
            int end = Math.Min(w, x + (lanes * WordRun / 2));
            for (; x + lanes <= end; x += lanes)
            {
                Vector<byte> right = new(row[x..]), left = new(row[(x - 1)..]);
                Vector.Widen(Vector.Max(left, right) - Vector.Min(left, right), out var low, out var high);
                // Registers hold a multiple of eight words, so every word keeps its column modulo 8.
                sum += low + high;
            }
            sum.CopyTo(words);
            for (int i = 0; i < words.Length; i++) { sums[i % grid] += words[i]; }
        }
        for (; x < w; x++) { sums[x % grid] += Math.Abs(row[x] - row[x - 1]); }
    }

    /// <summary>Adds to the 256 counts how often each value occurs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Count(ReadOnlySpan<byte> samples, Span<int> counts)
    {
        // Four tables: neighbors are mostly alike, and a count that was just raised is not yet there to be raised again.
        Span<int> tables = stackalloc int[4 * 256];
        tables.Clear();
        int i = 0;
        for (; i + 4 <= samples.Length; i += 4)
        {
            tables[samples[i]]++;
            tables[256 + samples[i + 1]]++;
            tables[512 + samples[i + 2]]++;
            tables[768 + samples[i + 3]]++;
        }
        for (; i < samples.Length; i++) { tables[samples[i]]++; }
        for (int v = 0; v < 256; v++) { counts[v] += tables[v] + tables[256 + v] + tables[512 + v] + tables[768 + v]; }
    }

    private static long Total(Vector<ushort> words)
    {
        Vector.Widen(words, out var low, out var high);
        return Vector.Sum(low + high);
    }

    private static long Total(Vector<int> values)
    {
        Vector.Widen(values, out var low, out var high);
        return Vector.Sum(low + high);
    }
}
