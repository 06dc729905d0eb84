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

    public static FeatureMatrix Matrix(uint seed, int rows, int columns, double scale = 1, double shift = 0) =>
        new($"lcg{seed}", rows, columns, [.. Values(seed, rows * columns).Select(v => scale * v + shift)]);
}
