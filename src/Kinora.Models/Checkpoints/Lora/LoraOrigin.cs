// What a LoRA was trained for, told from the names of its layers and the widths that they read.
// Sources: the layers of huggingface/diffusers d035dcd7, models/; widths of the published checkpoints' configurations.

using Kinora.Engine.Checkpoints;

namespace Kinora.Models.Checkpoints.Lora;

/// <summary>Recognizes what a LoRA is for, so that one that does not fit can say so.</summary>
internal static class LoraOrigin
{
    // A part of a layer's name (with underscores), the width that such a layer reads (0 for any), and what that is.
    private static readonly (string Part, long Inputs, string System)[] Known =
    [
        ("motion_modules", 0, "an AnimateDiff motion adapter"), ("temporal_transformer", 0, "an AnimateDiff motion adapter"),
        ("joint_blocks", 0, "Stable Diffusion 3"), ("single_transformer_blocks", 0, "FLUX or HunyuanVideo"), ("double_blocks", 0, "FLUX or HunyuanVideo"), ("single_blocks", 0, "FLUX or HunyuanVideo"),
        ("attn2_to_k", 768, "Stable Diffusion 1"), ("attn2_to_k", 1024, "Stable Diffusion 2"), ("attn2_to_k", 1280, "the refiner of Stable Diffusion XL"),
        ("attn2_to_v", 768, "Stable Diffusion 1"), ("attn2_to_v", 1024, "Stable Diffusion 2"), ("attn2_to_v", 1280, "the refiner of Stable Diffusion XL"),
        ("self_attn_q", 1536, "Wan 1.3B"), ("self_attn_q", 3072, "Wan 5B"), ("self_attn_q", 5120, "Wan 14B"), ("cross_attn_q", 0, "Wan"), ("self_attn_q", 0, "Wan"),
    ];

    // Transformers whose layers have the same names in diffusers: told apart by width.
    private static readonly (string Blocks, long Inputs, string System)[] Transformers =
    [
        ("transformer_blocks", 1920, "CogVideoX 2B"), ("transformer_blocks", 3072, "CogVideoX 5B"), ("transformer_blocks", 2048, "LTX-Video 2B"), ("transformer_blocks", 4096, "LTX-Video 13B"),
        ("blocks", 1536, "Wan 1.3B"), ("blocks", 3072, "Wan 5B"), ("blocks", 5120, "Wan 14B"),
    ];

    /// <summary>What the changes are for; null when nothing tells.</summary>
    public static string? Of(IWeights file, IReadOnlyList<LoraChange> changes)
    {
        var layers = changes.Select(c => (Name: LoraNames.Place(c.Layer).Name.Replace('.', '_'), Inputs: c.Inputs(file))).ToList();
        bool IsUNet((string Name, long? Inputs) layer) => layer.Name.StartsWith("down_blocks", StringComparison.Ordinal) || layer.Name.StartsWith("up_blocks", StringComparison.Ordinal) || layer.Name.StartsWith("mid_block", StringComparison.Ordinal)
            || layer.Name.StartsWith("input_blocks", StringComparison.Ordinal) || layer.Name.StartsWith("output_blocks", StringComparison.Ordinal) || layer.Name.StartsWith("middle_block", StringComparison.Ordinal);
        foreach (var (part, inputs, system) in Known)
        {
            if (layers.Exists(l => l.Name.Contains(part, StringComparison.Ordinal) && (inputs == 0 || l.Inputs == inputs) && (!part.StartsWith("attn2", StringComparison.Ordinal) || IsUNet(l))))
            {
                return system;
            }
        }
        if (layers.Exists(l => IsUNet(l) && l.Name.Contains("attn2_to_", StringComparison.Ordinal) && l.Inputs == 2048))
        {
            return "Stable Diffusion XL";
        }
        foreach (var (blocks, inputs, system) in Transformers)
        {
            if (layers.Exists(l => l.Name.StartsWith(blocks, StringComparison.Ordinal) && l.Name.Contains("attn1_to_q", StringComparison.Ordinal) && l.Inputs == inputs))
            {
                return system;
            }
        }
        return null;
    }
}
