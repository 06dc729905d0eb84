using Kinora.Curation.Frames;
using Shouldly;
using Xunit;

namespace Kinora.Curation.Tests.Frames;

/// <summary>Sums by many samples at a time against sums by one, for rows shorter than a register, of its size and with a rest.</summary>
public sealed class PlaneSumsTests
{
    [Fact]
    public void Sums_AnyWidth_EqualOneSampleAtATime()
    {
        var random = new Random(5);
        foreach (int w in (int[])[1, 2, 7, 8, 9, 16, 31, 32, 33, 34, 63, 65, 100, 257, 20_000])
        {
            byte[] above = Row(w), here = Row(w), below = Row(w);
            PlaneSums.Sum(here).ShouldBe(here.Sum(v => (long)v));

            int[] columns = [.. Enumerable.Range(0, w)], counts = new int[256];
            PlaneSums.Add(here, columns);
            columns.ShouldBe(here.Select((v, x) => v + x));

            PlaneSums.Count(here, counts);
            counts.ShouldBe(Enumerable.Range(0, 256).Select(v => here.Count(h => h == v)));

            long[] steps = new long[8];
            PlaneSums.AddSteps(here, steps);
            steps.ShouldBe(Enumerable.Range(0, 8).Select(i => Enumerable.Range(1, w - 1).Where(x => x % 8 == i).Sum(x => (long)Math.Abs(here[x] - here[x - 1]))));

            long sum = 1, squares = 2;
            PlaneSums.AddLaplacian(above, here, below, ref sum, ref squares);
            int[] laplacian = [.. Enumerable.Range(0, w).Select(x => above[x] + below[x] + here[x > 0 ? x - 1 : Math.Min(1, w - 1)] + here[x < w - 1 ? x + 1 : Math.Max(w - 2, 0)] - (4 * here[x]))];
            (sum, squares).ShouldBe((1 + laplacian.Sum(v => (long)v), 2 + laplacian.Sum(v => (long)v * v)));
        }

        // Wide rows of the strongest contrast, where sums of few bits would run over.
        byte[] Row(int w) => [.. Enumerable.Range(0, w).Select(_ => w == 20_000 ? (byte)(255 * random.Next(2)) : (byte)random.Next(256))];
    }

    [Fact]
    public void Gray_AnyLength_EqualsTheWeights()
    {
        var random = new Random(6);
        foreach (int n in (int[])[1, 15, 16, 17, 47, 256])
        {
            byte[] bgr = new byte[3 * n], gray = new byte[n];
            random.NextBytes(bgr);
            bgr.AsSpan(0, 3).Fill(255);
            ColorPlanes.Gray(bgr, gray);
            gray.ShouldBe(Enumerable.Range(0, n).Select(i => (byte)(((bgr[3 * i] * 3735) + (bgr[(3 * i) + 1] * 19235) + (bgr[(3 * i) + 2] * 9798) + (1 << 14)) >> 15)));
        }
    }

    // Weights in float32 as the method states them, one sample at a time.
    [Fact]
    public void Shrink_WholeAndBrokenFactors_EqualOneSampleAtATime()
    {
        var random = new Random(7);
        byte[] source = new byte[90 * 50];
        random.NextBytes(source);
        foreach (var (tw, th) in ((int, int)[])[(45, 25), (30, 10), (18, 5), (32, 32), (89, 49), (40, 50)])
        {
            byte[] target = new byte[tw * th];
            AreaResize.Shrink(source, 90, 50, target, tw, th);
            for (int y = 0; y < th; y++)
            {
                for (int x = 0; x < tw; x++) { ((double)target[(y * tw) + x]).ShouldBe(Mean(x, y, tw, th), 0.5001); }
            }
        }

        double Mean(int x, int y, int tw, int th)
        {
            double sum = 0;
            for (int v = 0; v < 50; v++)
            {
                for (int u = 0; u < 90; u++) { sum += Overlap(u, x, 90.0 / tw) * Overlap(v, y, 50.0 / th) * source[(v * 90) + u]; }
            }
            return sum / (90.0 / tw * 50.0 / th);
        }

        static double Overlap(int sample, int target, double scale) => Math.Max(0, Math.Min(sample + 1, (target + 1) * scale) - Math.Max(sample, target * scale));
    }
}
