using Kinora.Engine;

namespace Kinora.Models.Systems.T5;

// Which row of the bias table a distance between two tokens reads: one row each for small distances, logarithmic ranges for large ones.
// Paper: Raffel et al., arXiv:1910.10683, section 2.1; formula as in huggingface/transformers d6751d91, models/t5/modeling_t5.py
// (_relative_position_bucket, bidirectional), whose logarithms are float32.
public static class T5PositionBuckets
{
    /// <summary>The row for a key that stands <paramref name="distance"/> tokens after the query (negative: before it).</summary>
    public static int Of(int distance, int buckets, int maxDistance)
    {
        int half = buckets / 2, exact = half / 2, r = Math.Abs(distance), start = distance > 0 ? half : 0;
        if (r < exact) return start + r;
        var ranges = MathF.Log(r / (float)exact) / (float)Math.Log(maxDistance / (double)exact) * (half - exact);
        return start + Math.Min(exact + (int)ranges, half - 1);
    }

    /// <summary>Rows for every query and key of a prompt, int64 [K, K].</summary>
    public static Tensor Between(int tokens, int buckets, int maxDistance)
    {
        var rows = new long[tokens * tokens];
        for (var query = 0; query < tokens; query++)
        for (var key = 0; key < tokens; key++)
            rows[query * tokens + key] = Of(key - query, buckets, maxDistance);
        return Tensor.FromArray(rows, tokens, tokens);
    }
}
