// Mean over dimensions of the one-dimensional Wasserstein-1 distance: the area between the empirical distribution functions.

using Kinora.Evaluation.Features;

namespace Kinora.Evaluation.Distributions;

/// <summary>Wasserstein-1 distance of each feature on its own.</summary>
public static class MarginalWasserstein
{
    /// <summary>The distance in every dimension.</summary>
    public static double[] Between(FeatureMatrix a, FeatureMatrix b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        if (a.Dimension != b.Dimension)
            throw new EvaluationException($"Wasserstein distance: {a.Dimension} features in {a.Name}, {b.Dimension} in {b.Name}; both must come from the same network.");
        return [.. Enumerable.Range(0, a.Dimension).Select(d => OneDimension(Column(a, d), Column(b, d)))];
    }

    private static double[] Column(FeatureMatrix m, int column)
    {
        var values = new double[m.Count];
        for (int i = 0; i < values.Length; i++)
            values[i] = m.Values[i * m.Dimension + column];
        Array.Sort(values);
        return values;
    }

    // Both sorted. Walks over all values; between two neighbors the distribution functions are constant.
    private static double OneDimension(double[] a, double[] b)
    {
        double area = 0, previous = Math.Min(a[0], b[0]);
        for (int i = 0, j = 0; i < a.Length || j < b.Length;)
        {
            double next = j == b.Length || (i < a.Length && a[i] <= b[j]) ? a[i] : b[j];
            area += Math.Abs((double)i / a.Length - (double)j / b.Length) * (next - previous);
            previous = next;
            while (i < a.Length && a[i] == next)
                i++;
            while (j < b.Length && b[j] == next)
                j++;
        }
        return area;
    }
}
