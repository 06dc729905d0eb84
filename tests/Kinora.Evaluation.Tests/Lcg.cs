using Kinora.Engine;
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

    /// <summary>CRC-32 (ISO 3309) of a parameter's name: the seed of its values.</summary>
    public static uint Crc32(string name)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in System.Text.Encoding.UTF8.GetBytes(name))
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320);
        }
        return ~crc;
    }

    /// <summary>A parameter of a name: rank ≥ 2 (u − ½)·√(24 / fan-in), variances ½ + u, other weights ¾ + ½u, the rest 0.2·(u − ½), from the stream of the name.</summary>
    public static Tensor Parameter(string name, params long[] shape)
    {
        int count = (int)shape.Aggregate(1L, (n, s) => n * s);
        double scale = shape.Length < 2 ? 0 : Math.Sqrt(24.0 / ((double)count / shape[0]));
        double Value(double u) => name.EndsWith("running_var", StringComparison.Ordinal) ? 0.5 + u : scale > 0 ? (u - 0.5) * scale : name.EndsWith(".weight", StringComparison.Ordinal) ? 0.75 + 0.5 * u : 0.2 * (u - 0.5);
        return Tensor.FromArray(Values(Crc32(name), count).Select(u => (float)Value(u)).ToArray(), shape);
    }

    /// <summary>Every parameter of a network without values, under another name if wanted.</summary>
    public static IEnumerable<KeyValuePair<string, Tensor>> Filled(Module shapes, Func<string, string>? rename = null)
    {
        using var store = shapes.Path.Store;
        foreach (var (name, parameter) in shapes.Parameters())
        {
            string published = rename?.Invoke(name) ?? name;
            yield return KeyValuePair.Create(published, Parameter(published, [.. parameter.Shape]));
        }
    }

    public static FeatureMatrix Matrix(uint seed, int rows, int columns, double scale = 1, double shift = 0) =>
        new($"lcg{seed}", rows, columns, [.. Values(seed, rows * columns).Select(v => scale * v + shift)]);
}
