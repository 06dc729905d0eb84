namespace Kinora.Evaluation.Statistics;

/// <summary>How often each class was taken for each other.</summary>
public sealed class ConfusionTable
{
    private readonly int[,] _counts;

    /// <summary>Counts pairs of right and given answers.</summary>
    public ConfusionTable(int classes, IEnumerable<(int Truth, int Answer)> pairs)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        _counts = new int[classes, classes];
        foreach (var (truth, answer) in pairs)
            _counts[truth, answer]++;
    }

    /// <summary>Number of classes.</summary>
    public int Classes => _counts.GetLength(0);

    /// <summary>Clips of class <paramref name="truth"/> that were answered with <paramref name="answer"/>.</summary>
    public int this[int truth, int answer] => _counts[truth, answer];

    /// <summary>Clips of one class.</summary>
    public int Total(int truth) => Enumerable.Range(0, Classes).Sum(a => _counts[truth, a]);

    /// <summary>Rows of counts, truth by answer.</summary>
    public int[][] ToRows() => [.. Enumerable.Range(0, Classes).Select(t => Enumerable.Range(0, Classes).Select(a => _counts[t, a]).ToArray())];

    /// <summary>The mistakes made most often.</summary>
    public IEnumerable<(int Truth, int Answer, int Count)> Mistakes() =>
        from t in Enumerable.Range(0, Classes)
        from a in Enumerable.Range(0, Classes)
        where t != a && _counts[t, a] > 0
        orderby _counts[t, a] descending, t, a
        select (t, a, _counts[t, a]);
}
