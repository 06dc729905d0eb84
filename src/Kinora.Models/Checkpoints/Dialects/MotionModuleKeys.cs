// AnimateDiff's motion modules as they were published.
// Sources: guoyww/AnimateDiff, animatediff/models/motion_module.py (published names); huggingface/diffusers v0.31,
// scripts/convert_animatediff_motion_module_to_diffusers.py (which is which).

namespace Kinora.Models.Checkpoints.Dialects;

internal static class MotionModuleKeys
{
    private static readonly KeyOmission[] Computed = [.. Places().Select(p => new KeyOmission($"{p.Published}.transformer_blocks.{{}}.attention_blocks.{{}}.pos_encoder.pe", "computed"))];

    /// <summary>The motion modules of all blocks.</summary>
    public static KeyMap Adapter { get; } = new(Places().SelectMany(p => ModuleRules(p.Published, p.Own)), Computed);

    private static (string Published, string Own)[] Places() =>
    [
        ("down_blocks.{}.motion_modules.{}.temporal_transformer", "down_blocks.{}.motion_modules.{}"),
        ("up_blocks.{}.motion_modules.{}.temporal_transformer", "up_blocks.{}.motion_modules.{}"),
        ("mid_block.motion_modules.{}.temporal_transformer", "mid_block.motion_modules.{}"),
    ];

    private static IEnumerable<KeyRule> ModuleRules(string published, string own)
    {
        string from = $"{published}.transformer_blocks.{{}}", to = $"{own}.transformer_blocks.{{}}";
        return
        [
            new($"{published}.norm.{{}}", $"{own}.norm.{{}}"),
            new($"{published}.proj_in.{{}}", $"{own}.proj_in.{{}}"),
            new($"{published}.proj_out.{{}}", $"{own}.proj_out.{{}}"),
            new($"{from}.norms.0.{{}}", $"{to}.norm1.{{}}"),
            new($"{from}.norms.1.{{}}", $"{to}.norm2.{{}}"),
            new($"{from}.ff_norm.{{}}", $"{to}.norm3.{{}}"),
            new($"{from}.attention_blocks.0.{{*}}", $"{to}.attn1.{{*}}"),
            new($"{from}.attention_blocks.1.{{*}}", $"{to}.attn2.{{*}}"),
            new($"{from}.ff.{{*}}", $"{to}.ff.{{*}}"),
        ];
    }
}
