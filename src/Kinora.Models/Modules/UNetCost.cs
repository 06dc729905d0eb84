// What a U-Net of the Stable Diffusion family costs, read off the names and shapes of its parameters.
//
// A convolution or linear does 2 · (elements of its weight) operations at every position it is applied to, and its name says where that is:
// `down_blocks.i` and `up_blocks.i` stand at a level, a level has a quarter of the positions of the one before. Attention adds
// 4 · (keys) · (width) at every position. Layers that see the timestep or the context alone cost next to nothing.

using System.Globalization;
using Kinora.Engine;

namespace Kinora.Models.Modules;

/// <summary>Estimates from shapes alone; nothing is loaded.</summary>
internal static class UNetCost
{
    // Tensors of the finest level's size that are alive at once at the peak of a call: skips, the residual stream, a perceptron's hidden layer.
    private const int LiveTensors = 24;

    /// <summary>Floating point operations of one call (a multiply-add counts as two).</summary>
    /// <param name="build">Makes the network from the root of its parameter names.</param>
    /// <param name="levels">Sizes of feature maps, fine to coarse.</param>
    /// <param name="frames">Frames of the clip.</param>
    /// <param name="height">Rows of latents.</param>
    /// <param name="width">Columns of latents.</param>
    public static double Flops(Action<ParameterPath> build, int levels, long frames, long height, long width)
    {
        ParameterPath root = ParameterPath.Root(new ShapeOnlyParameters());
        using ParameterStore store = root.Store;
        build(root);
        double flops = 0;
        foreach (var (name, weight) in store.All)
        {
            if (weight.Dim < 2 || IsOutsideThePicture(name))
            {
                continue;
            }
            double positions = Positions(LevelOf(name, levels), height, width);
            flops += 2.0 * weight.NumElements * positions * frames;
            if (name.EndsWith(".attn1.to_q.weight", StringComparison.Ordinal))
            {
                bool overFrames = name.Contains("temp", StringComparison.Ordinal) || name.Contains("motion_modules", StringComparison.Ordinal) || name.StartsWith("transformer_in", StringComparison.Ordinal);
                flops += 4.0 * (overFrames ? frames : positions) * weight.Size(0) * positions * frames;
            }
        }
        return flops;
    }

    /// <summary>Bytes in use by one call at its peak, besides the weights, with 32-bit values.</summary>
    public static long ActivationBytes(long frames, long height, long width, long channels) => frames * height * width * channels * sizeof(float) * LiveTensors;

    private static bool IsOutsideThePicture(string name) =>
        name.Contains("time_emb", StringComparison.Ordinal) || name.Contains("add_embedding", StringComparison.Ordinal) || name.Contains("time_pos_embed", StringComparison.Ordinal)
        || name.Contains("pos_embed", StringComparison.Ordinal) || (name.Contains(".attentions.", StringComparison.Ordinal) && (name.Contains(".attn2.to_k", StringComparison.Ordinal) || name.Contains(".attn2.to_v", StringComparison.Ordinal)));

    private static double Positions(int level, long height, long width) => Math.Ceiling(height / (double)(1 << level)) * Math.Ceiling(width / (double)(1 << level));

    private static int LevelOf(string name, int levels)
    {
        string[] parts = name.Split('.');
        int level = parts[0] switch
        {
            "down_blocks" => int.Parse(parts[1], CultureInfo.InvariantCulture),
            "up_blocks" => levels - 1 - int.Parse(parts[1], CultureInfo.InvariantCulture),
            "mid_block" => levels - 1,
            _ => 0,
        };
        return parts.Length > 2 ? parts[2] switch { "downsamplers" => level + 1, "upsamplers" => level - 1, _ => level } : level;
    }
}
