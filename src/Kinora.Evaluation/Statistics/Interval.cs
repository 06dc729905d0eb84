namespace Kinora.Evaluation.Statistics;

/// <summary>A number with its 95 % interval.</summary>
/// <param name="Value">The number.</param>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
public readonly record struct Interval(double Value, double Low, double High)
{
    /// <summary>value ± z·error.</summary>
    public static Interval Normal(double value, double standardError) => new(value, value - WilsonInterval.Z95 * standardError, value + WilsonInterval.Z95 * standardError);

    /// <summary>Mean of independent numbers with its normal interval; a single number has no interval.</summary>
    public static Interval MeanOf(IReadOnlyList<double> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (values.Count == 0)
            throw new ArgumentException("a mean needs at least one number, got none", nameof(values));
        double mean = values.Average();
        return values.Count == 1 ? new Interval(mean, double.NaN, double.NaN) : Normal(mean, Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Count - 1) / values.Count));
    }
}
