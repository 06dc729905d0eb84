// What a finder sees in a clip: the things in five frames, and how two that are named stand to each other.
//
// A prompt states a relation of two things. Which sighting is which follows from noun and color together, for the best pair of
// sightings; the relation then is arithmetic on their positions, so the statement about exchanged things is false wherever it is true.

using Kinora.Engine;
using Kinora.World;

namespace Kinora.Evaluation.Probes;

/// <summary>A thing in a frame.</summary>
/// <param name="X">Its center, fraction of the width.</param>
/// <param name="Y">Its center, fraction of the height, down.</param>
/// <param name="Confidence">Height of the peak, 0..1.</param>
/// <param name="Nouns">Logarithms of the probabilities of nouns.</param>
/// <param name="Colors">Logarithms of the probabilities of colors.</param>
public sealed record Sighting(double X, double Y, double Confidence, IReadOnlyList<double> Nouns, IReadOnlyList<double> Colors);

/// <summary>Two things that a prompt names, as they were found.</summary>
/// <param name="First">Noun and color of what stands where the first thing was looked for; null when fewer than two things are there.</param>
/// <param name="Second">Noun and color of what stands where the second thing was looked for.</param>
/// <param name="OffsetX">Mean of the first's x less the second's, fraction of the width.</param>
/// <param name="OffsetY">Mean of the first's y less the second's, fraction of the height.</param>
/// <param name="FirstMoves">How far the first moves to the right over the clip, fraction of the width.</param>
/// <param name="SecondMoves">How far the second does.</param>
public sealed record FoundPair((Noun Noun, ActorColor Color)? First, (Noun Noun, ActorColor Color)? Second, double OffsetX, double OffsetY, double FirstMoves, double SecondMoves);

/// <summary>Asks a finder about clips.</summary>
public static class ThingReading
{
    /// <summary>Frames of a clip that are looked at, from the first to the last at even distances.</summary>
    public const int Looks = 5;

    /// <summary>How far apart two things stand at least when one is beside the other, fraction of the side.</summary>
    public const double Apart = 0.15;

    /// <summary>How far a thing travels at least when it chases or is chased, fraction of the width. The world's travel 0.32.</summary>
    public const double Travel = 0.12;

    private const double Peak = 0.3;
    private const int FramesNeeded = 3, BatchSize = 16;

    /// <summary>The frames of a clip that are looked at.</summary>
    public static IEnumerable<int> FramesOf(int frames) => Enumerable.Range(0, Looks).Select(i => i * (frames - 1) / (Looks - 1));

    /// <summary>The things in the frames of each clip, [clips][looks].</summary>
    /// <param name="finder">The finder.</param>
    /// <param name="rgb">Clips [B, F, H, W, 3] of the finder's size and length.</param>
    /// <param name="count">B.</param>
    /// <param name="device">Where the finder is.</param>
    /// <param name="cancellationToken">Stops between batches.</param>
    public static IReadOnlyList<Sighting[][]> Look(ThingFinder finder, ReadOnlyMemory<byte> rgb, int count, Device device, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(finder);
        using var inference = GradMode.Inference();
        int size = finder.Config.Size, frames = finder.Config.Frames, frameBytes = size * size * 3;
        int[] looks = [.. FramesOf(frames)];
        var seen = new List<Sighting[][]>(count);
        for (int start = 0; start < count; start += BatchSize)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = TensorScope.Enter();
            int n = Math.Min(BatchSize, count - start);
            var pictures = new byte[n * Looks * frameBytes];
            for (int i = 0; i < n * Looks; i++)
                rgb.Span.Slice(((start + i / Looks) * frames + looks[i % Looks]) * frameBytes, frameBytes).CopyTo(pictures.AsSpan(i * frameBytes));
            var maps = finder.Forward(ClipTensor.FromBytes(pictures, 1, n * Looks, size, size, device).Select(0, 0).Transpose(0, 1).Contiguous());      // [N, K, h, w]
            float[] values = maps.Permute(0, 2, 3, 1).Contiguous().To(Device.Cpu).ToArray<float>();
            int each = values.Length / (n * Looks);
            for (int i = 0; i < n; i++)
                seen.Add([.. Enumerable.Range(0, Looks).Select(l => Sightings(values.AsSpan((i * Looks + l) * each, each), finder.Cells, finder.Config.Nouns.Count, finder.Config.Colors.Count))]);
        }
        return seen;
    }

    /// <summary>How many things a clip shows: the median over the frames that were looked at.</summary>
    public static int Count(Sighting[][] clip)
    {
        ArgumentNullException.ThrowIfNull(clip);
        int[] counts = [.. clip.Select(f => f.Length).Order()];
        return counts[counts.Length / 2];
    }

    /// <summary>Finds two things in a clip by noun and color.</summary>
    public static FoundPair Find(Sighting[][] clip, (Noun Noun, ActorColor Color) first, (Noun Noun, ActorColor Color) second) => Find(clip, s => Fit(s, first), s => Fit(s, second));

    /// <summary>Finds two things in a clip by their nouns alone.</summary>
    public static FoundPair Find(Sighting[][] clip, Noun first, Noun second) => Find(clip, s => Fit(s, first), s => Fit(s, second));

    private static FoundPair Find(Sighting[][] clip, Func<Sighting, double> first, Func<Sighting, double> second)
    {
        ArgumentNullException.ThrowIfNull(clip);
        var pairs = new List<(Sighting First, Sighting Second)>();
        foreach (Sighting[] frame in clip.Where(f => f.Length >= 2))
        {
            pairs.Add((from a in frame
                       from b in frame
                       where !ReferenceEquals(a, b)
                       orderby first(a) + second(b) descending
                       select (a, b)).First());
        }
        if (pairs.Count < FramesNeeded)
            return new FoundPair(null, null, 0, 0, 0, 0);
        var (start, end) = (pairs[0], pairs[^1]);
        return new FoundPair(Name(pairs.Select(p => p.First)), Name(pairs.Select(p => p.Second)), pairs.Average(p => p.First.X - p.Second.X), pairs.Average(p => p.First.Y - p.Second.Y), end.First.X - start.First.X, end.Second.X - start.Second.X);
    }

    /// <summary>What a clip shows of one thing, where it is the most like what is named; null when nothing is there.</summary>
    public static (Noun Noun, ActorColor Color)? FindOne(Sighting[][] clip, Noun noun)
    {
        ArgumentNullException.ThrowIfNull(clip);
        Sighting[] best = [.. clip.Where(f => f.Length > 0).Select(f => f.MaxBy(s => Fit(s, noun))!)];
        return best.Length < FramesNeeded ? null : Name(best);
    }

    // A cell is a peak when no neighbor is higher; the center is the mean of the peak's surroundings, weighted by heat.
    private static Sighting[] Sightings(ReadOnlySpan<float> map, int cells, int nouns, int colors)
    {
        int channels = map.Length / (cells * cells);
        var heat = new double[cells * cells];
        for (int i = 0; i < heat.Length; i++)
            heat[i] = 1 / (1 + Math.Exp(-map[i * channels]));
        var found = new List<Sighting>();
        for (int y = 0; y < cells; y++)
        {
            for (int x = 0; x < cells; x++)
            {
                double here = heat[y * cells + x], sum = 0, sumX = 0, sumY = 0;
                bool peak = here >= Peak;
                for (int v = Math.Max(0, y - 1); peak && v <= Math.Min(cells - 1, y + 1); v++)
                {
                    for (int u = Math.Max(0, x - 1); u <= Math.Min(cells - 1, x + 1); u++)
                    {
                        double h = heat[v * cells + u];
                        peak &= h < here || (h == here && v * cells + u >= y * cells + x);
                        sum += h;
                        sumX += h * (u + 0.5);
                        sumY += h * (v + 0.5);
                    }
                }
                if (!peak)
                    continue;
                ReadOnlySpan<float> logits = map.Slice((y * cells + x) * channels + 1, nouns + colors);
                found.Add(new Sighting(sumX / (sum * cells), sumY / (sum * cells), here, LogShares(logits[..nouns]), LogShares(logits[nouns..])));
            }
        }
        return [.. found];
    }

    /// <summary>How well a sighting goes with a noun, a logarithm.</summary>
    internal static double Fit(Sighting s, Noun noun) => Math.Log(s.Confidence) + s.Nouns[(int)noun];

    private static double Fit(Sighting s, (Noun Noun, ActorColor Color) thing) => Fit(s, thing.Noun) + s.Colors[(int)thing.Color];

    private static (Noun Noun, ActorColor Color) Name(IEnumerable<Sighting> sightings)
    {
        Sighting[] all = [.. sightings];
        int Most(Func<Sighting, IReadOnlyList<double>> of) => Enumerable.Range(0, of(all[0]).Count).MaxBy(i => all.Sum(s => of(s)[i]));
        return ((Noun)Most(s => s.Nouns), (ActorColor)Most(s => s.Colors));
    }

    private static double[] LogShares(ReadOnlySpan<float> logits)
    {
        double largest = double.NegativeInfinity, sum = 0;
        foreach (float l in logits)
            largest = Math.Max(largest, l);
        foreach (float l in logits)
            sum += Math.Exp(l - largest);
        var shares = new double[logits.Length];
        for (int i = 0; i < shares.Length; i++)
            shares[i] = logits[i] - largest - Math.Log(sum);
        return shares;
    }
}
