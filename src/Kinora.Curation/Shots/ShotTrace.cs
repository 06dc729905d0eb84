namespace Kinora.Curation.Shots;

/// <summary>What detectors of one pass report: cuts, and the numbers they decided by.</summary>
/// <param name="recordsMetrics">Keep the numbers of every frame; without them memory does not grow with the clip.</param>
public sealed class ShotTrace(bool recordsMetrics = true)
{
    private readonly SortedSet<long> _cuts = [];
    private readonly Dictionary<string, Dictionary<long, double>> _metrics = new(StringComparer.Ordinal);
    private readonly List<string> _names = [];

    /// <summary>Numbers of the first frames of new shots, ascending; the clip's first frame is not among them.</summary>
    public IReadOnlyCollection<long> Cuts => _cuts;

    /// <summary>Names of the recorded numbers, in the order in which they first came.</summary>
    public IReadOnlyList<string> MetricNames => _names;

    /// <summary>Adds a cut.</summary>
    public void Cut(long index) => _cuts.Add(index);

    /// <summary>Records a number of a frame; frames may come in any order.</summary>
    public void Record(string metric, long index, double value)
    {
        if (!recordsMetrics) { return; }
        if (!_metrics.TryGetValue(metric, out var values))
        {
            _metrics.Add(metric, values = []);
            _names.Add(metric);
        }
        values[index] = value;
    }

    /// <summary>The number recorded for a frame; null when there is none.</summary>
    public double? Metric(string metric, long index) =>
        _metrics.TryGetValue(metric, out var values) && values.TryGetValue(index, out double value) ? value : null;
}
