using Kinora.Evaluation.Features;

namespace Kinora.Evaluation.Tests;

/// <summary>The generator behind reference values: x ← 1664525·x + 1013904223 mod 2³², u = x / 2³².</summary>
internal static class Lcg
{
    public static double[] Values(uint seed, int count)
    {
        var values = new double[count];
        uint x = seed;
        for (int i = 0; i < count; i++)
        {
            x = unchecked(1664525 * x + 1013904223);
            values[i] = x / 4294967296.0;
        }
        return values;
    }

    public static FeatureMatrix Matrix(uint seed, int rows, int columns, double scale = 1, double shift = 0) =>
        new($"lcg{seed}", rows, columns, [.. Values(seed, rows * columns).Select(v => scale * v + shift)]);
}
