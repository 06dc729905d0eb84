// What an image network makes of a clip: one vector, for what clips mean rather than how they look.
using System.Runtime.InteropServices;
using System.Text.Json.Serialization;

namespace Kinora.Curation.Scores;

/// <summary>The mean direction of a clip's pictures in a network's space.</summary>
/// <param name="Model">What made it: vectors of different models cannot be compared.</param>
/// <param name="Values">Half-precision numbers as Base64, a unit vector up to rounding.</param>
public sealed record ClipFeature(string Model, string Values)
{
    /// <summary>The vector.</summary>
    [JsonIgnore]
    public float[] Vector => [.. MemoryMarshal.Cast<byte, Half>(Convert.FromBase64String(Values)).ToArray().Select(h => (float)h)];

    /// <summary>Stores a vector.</summary>
    public static ClipFeature Of(string model, float[] vector) => new(model, Convert.ToBase64String(MemoryMarshal.AsBytes<Half>(vector.Select(v => (Half)v).ToArray())));
}

/// <summary>Arithmetic of unit vectors.</summary>
public static class FeatureVector
{
    /// <summary>Where in a shot its begin and its end are looked at, as Panda-70M does.</summary>
    public const double Begin = 0.05, End = 0.95;

    /// <summary>The inner product: the cosine of unit vectors.</summary>
    public static double Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++) { sum += (double)a[i] * b[i]; }
        return sum;
    }

    /// <summary>The Euclidean distance, 0..2 for unit vectors.</summary>
    public static double Distance(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++) { sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]); }
        return Math.Sqrt(sum);
    }

    /// <summary>The mean of vectors, scaled to length 1.</summary>
    public static float[] MeanUnit(IReadOnlyList<float[]> vectors)
    {
        ArgumentNullException.ThrowIfNull(vectors);
        double[] sum = new double[vectors[0].Length];
        foreach (float[] vector in vectors)
        {
            for (int i = 0; i < sum.Length; i++) { sum[i] += vector[i]; }
        }
        double length = Math.Sqrt(sum.Sum(v => v * v));
        return [.. sum.Select(v => (float)(length > 0 ? v / length : 0))];
    }
}
