// How often the right item is found. A query's rank is one more than the items that are strictly more similar than its own, so that ties
// do not count against it; recall at k is the share of ranks at most k.

using Kinora.Evaluation.Statistics;

namespace Kinora.Evaluation.Retrieval;

/// <summary>Retrieval of every query's own item.</summary>
/// <param name="Ranks">The rank of each query's own item, from 1.</param>
/// <param name="Items">Items to choose from.</param>
public sealed record RetrievalScores(IReadOnlyList<int> Ranks, int Items)
{
    /// <summary>Mean rank.</summary>
    public double MeanRank => Ranks.Average();

    /// <summary>Median rank; of an even number of queries the mean of the middle two.</summary>
    public double MedianRank
    {
        get
        {
            int[] sorted = [.. Ranks.Order()];
            return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2.0;
        }
    }

    /// <summary>Share of queries whose own item is among the first <paramref name="k"/>.</summary>
    public WilsonInterval RecallAt(int k)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(k);
        return WilsonInterval.Of(Ranks.Count(r => r <= k), Ranks.Count);
    }

    /// <summary>Ranks from similarities.</summary>
    /// <param name="similarities">Row-major [queries, items]; larger is more similar.</param>
    /// <param name="own">For each query, which item is its own.</param>
    /// <exception cref="EvaluationException">There are no queries, or counts do not fit.</exception>
    public static RetrievalScores Of(IReadOnlyList<double> similarities, IReadOnlyList<int> own)
    {
        ArgumentNullException.ThrowIfNull(similarities);
        ArgumentNullException.ThrowIfNull(own);
        if (own.Count == 0 || similarities.Count == 0 || similarities.Count % own.Count != 0)
            throw new EvaluationException($"{similarities.Count} similarities are no table of {own.Count} queries.");
        int items = similarities.Count / own.Count;
        int Rank(int query)
        {
            double mine = similarities[query * items + own[query]];
            return 1 + Enumerable.Range(0, items).Count(i => similarities[query * items + i] > mine);
        }

        return new RetrievalScores([.. Enumerable.Range(0, own.Count).Select(Rank)], items);
    }

    /// <summary>Retrieval between two lists of unit vectors of which entry i of one belongs to entry i of the other.</summary>
    public static RetrievalScores Of(Features.FeatureMatrix queries, Features.FeatureMatrix items)
    {
        ArgumentNullException.ThrowIfNull(queries);
        ArgumentNullException.ThrowIfNull(items);
        if (queries.Count != items.Count || queries.Dimension != items.Dimension)
            throw new EvaluationException($"{queries.Name} [{queries.Count}, {queries.Dimension}] and {items.Name} [{items.Count}, {items.Dimension}] must be of one shape.");
        return Of(Similarities(queries, items), [.. Enumerable.Range(0, queries.Count)]);
    }

    /// <summary>Inner products of rows, row-major [queries, items].</summary>
    public static double[] Similarities(Features.FeatureMatrix queries, Features.FeatureMatrix items)
    {
        ArgumentNullException.ThrowIfNull(queries);
        ArgumentNullException.ThrowIfNull(items);
        using var scope = Engine.TensorScope.Enter();
        return queries.ToTensor().Matmul(items.ToTensor().Transpose(0, 1)).Contiguous().ToArray<double>();
    }
}
