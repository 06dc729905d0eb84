// Clips that mean the same.
// Paper: Abbas et al., "SemDeDup: Data-efficient learning at web-scale through semantic deduplication", arXiv:2303.09540, section 3.2 and
// algorithm A7: k-means over unit vectors; within a cluster, ordered from the farthest from the centroid to the nearest, a member goes when its
// cosine with any member before it is at least 1 − ε. So of a group the one farthest from the centroid stays.
using Kinora.Curation.Scores;

namespace Kinora.Curation.Decisions;

/// <summary>SemDeDup, deterministic: the first centroids lie evenly over the clips' order, ties go to the earlier one.</summary>
internal static class SemanticDuplicates
{
    private const int ClusterSize = 1000, MostIterations = 25;

    /// <summary>Which vectors duplicate which: index of each duplicate with the index of the one that stays for it.</summary>
    /// <param name="units">Unit vectors of one width.</param>
    /// <param name="epsilon">How far from 1 the cosine of duplicates may be.</param>
    public static IReadOnlyDictionary<int, int> Of(IReadOnlyList<float[]> units, double epsilon)
    {
        var twins = new Dictionary<int, int>();
        if (units.Count == 0) { return twins; }
        int clusters = (units.Count + ClusterSize - 1) / ClusterSize;
        var (of, centroids) = Cluster(units, clusters);
        for (int c = 0; c < clusters; c++)
        {
            int[] order = [.. Enumerable.Range(0, units.Count).Where(i => of[i] == c).OrderBy(i => FeatureVector.Dot(units[i], centroids[c])).ThenBy(i => i)];
            for (int a = 1; a < order.Length; a++)
            {
                var (nearest, cosine) = (-1, double.NegativeInfinity);
                for (int b = 0; b < a; b++)
                {
                    double dot = FeatureVector.Dot(units[order[a]], units[order[b]]);
                    if (dot > cosine) { (nearest, cosine) = (order[b], dot); }
                }
                // The one that stays for it, where its nearest goes too.
                if (cosine >= 1 - epsilon) { twins[order[a]] = twins.GetValueOrDefault(nearest, nearest); }
            }
        }
        return twins;
    }

    private static (int[] Of, float[][] Centroids) Cluster(IReadOnlyList<float[]> units, int clusters)
    {
        float[][] centroids = [.. Enumerable.Range(0, clusters).Select(c => units[(int)((long)c * units.Count / clusters)])];
        int[] of = new int[units.Count];
        for (int iteration = 0; iteration < MostIterations; iteration++)
        {
            int[] next = new int[units.Count];
            float[][] current = centroids;
            Parallel.For(0, units.Count, i => next[i] = Enumerable.Range(0, clusters).MaxBy(c => FeatureVector.Dot(units[i], current[c])));
            bool same = iteration > 0 && next.AsSpan().SequenceEqual(of);
            of = next;
            if (same) { break; }
            // A cluster that lost every member keeps its place.
            centroids = [.. Enumerable.Range(0, clusters).Select(c => Enumerable.Range(0, of.Length).Where(i => of[i] == c).Select(i => units[i]).ToList() is { Count: > 0 } members ? FeatureVector.MeanUnit(members) : current[c])];
        }
        return (of, centroids);
    }
}
