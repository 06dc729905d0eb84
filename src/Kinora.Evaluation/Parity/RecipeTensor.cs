// Tensors that a fixture describes instead of storing: a counter-based stream of splitmix64 (Steele, Lea, Flood: "Fast Splittable
// Pseudorandom Number Generators", OOPSLA 2014), one stream per name.
//
//   stream  = fnv1a64(utf8(name)) xor seed
//   u_i     = (mix(stream + (i+1)·0x9E3779B97F4A7C15) >> 40) · 2⁻²⁴
//   value_i = float32(lo + (hi − lo)·u_i), computed in float64

using System.Text.Json;
using Kinora.Engine;

namespace Kinora.Evaluation.Parity;

/// <summary>Generates a tensor from its recipe and checks it against the values that the recipe remembers.</summary>
internal static class RecipeTensor
{
    private const double SumTolerance = 1e-6;

    /// <summary>The tensor; <paramref name="recipe"/> has shape, lo and hi, or const_int, and optionally first4 and sum_f64.</summary>
    /// <exception cref="CheckpointException">The generated values are not those that the recipe remembers.</exception>
    public static Tensor Generate(string name, ulong seed, JsonElement recipe, string owner)
    {
        long[] shape = Shape(recipe);
        if (recipe.TryGetProperty("const_int", out JsonElement constant))
        {
            return Tensor.Full(shape, constant.GetInt64(), DType.Int64);
        }
        double lo = recipe.GetProperty("lo").GetDouble(), range = recipe.GetProperty("hi").GetDouble() - lo, sum = 0;
        ulong stream = Fnv1a(name) ^ seed;
        Tensor tensor = Tensor.Empty(shape);
        Span<float> values = tensor.AsSpan<float>();
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (float)(lo + range * ((Mix(stream + ((ulong)i + 1) * 0x9E3779B97F4A7C15) >> 40) * (1.0 / (1 << 24))));
            sum += values[i];
        }
        Check(values, sum, recipe, owner);
        return tensor;
    }

    /// <summary>The shape that a recipe states.</summary>
    public static long[] Shape(JsonElement recipe) => [.. recipe.GetProperty("shape").EnumerateArray().Select(s => s.GetInt64())];

    private static void Check(ReadOnlySpan<float> values, double sum, JsonElement recipe, string owner)
    {
        bool same = true;
        if (recipe.TryGetProperty("first4", out JsonElement first))
        {
            int i = 0;
            foreach (JsonElement expected in first.EnumerateArray())
            {
                same &= i < values.Length && values[i] == (float)expected.GetDouble();
                i++;
            }
        }
        if (recipe.TryGetProperty("sum_f64", out JsonElement total))
        {
            same &= Math.Abs(total.GetDouble() - sum) <= SumTolerance * Math.Max(1, values.Length);
        }
        if (!same)
        {
            throw new CheckpointException($"{owner}: the generated values are not those that the recipe remembers. Is the recipe of another algorithm?");
        }
    }

    private static ulong Fnv1a(string name)
    {
        ulong h = 14695981039346656037;
        foreach (byte b in System.Text.Encoding.UTF8.GetBytes(name))
        {
            h = (h ^ b) * 1099511628211;
        }
        return h;
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
