// LTX-Video as Lightricks published it: transformer and autoencoder in one file.
// Sources: Lightricks/LTX-Video, ltx_video/models (published names); huggingface/diffusers v0.33, scripts/convert_ltx_to_diffusers.py
// (which is which, for 0.9.0, 0.9.1 and 0.9.5).

using static Kinora.Models.Checkpoints.KeyMap;

namespace Kinora.Models.Checkpoints.Dialects;

/// <summary>Which autoencoder a file holds.</summary>
internal enum LtxVaeVersion
{
    V090,
    V091,
    V095,
}

internal static class LtxKeys
{
    private const string Block = "transformer_blocks.{}.";

    private static readonly string[] Statistics = ["channel", "mean-of-stds", "mean-of-stds_over_std-of-means"];

    /// <summary>The transformer.</summary>
    public static KeyMap Transformer { get; } = new(
    [
        new("patchify_proj.{}", "proj_in.{}"),
        new("adaln_single.{*}", "time_embed.{*}"),
        new(Block + "attn1.q_norm.{}", Block + "attn1.norm_q.{}"), new(Block + "attn1.k_norm.{}", Block + "attn1.norm_k.{}"),
        new(Block + "attn2.q_norm.{}", Block + "attn2.norm_q.{}"), new(Block + "attn2.k_norm.{}", Block + "attn2.norm_k.{}"),
        new(Block + "{*}", Block + "{*}"),
        new("caption_projection.{*}", "caption_projection.{*}"),
        new("scale_shift_table", "scale_shift_table"),
        new("proj_out.{}", "proj_out.{}"),
    ]);

    // Blocks in one row; behind them what each is. The name of a published block's residual blocks is res_blocks.
    private static readonly string[] Encoder090 =
        ["down_blocks.0", "down_blocks.0.downsamplers.0", "down_blocks.0.conv_out", "down_blocks.1", "down_blocks.1.downsamplers.0", "down_blocks.1.conv_out", "down_blocks.2", "down_blocks.2.downsamplers.0", "down_blocks.3", "mid_block"];

    private static readonly string[] Decoder090 =
        ["mid_block", "up_blocks.0", "up_blocks.1.upsamplers.0", "up_blocks.1", "up_blocks.2.conv_in", "up_blocks.2.upsamplers.0", "up_blocks.2", "up_blocks.3.conv_in", "up_blocks.3.upsamplers.0", "up_blocks.3"];

    private static readonly string[] Encoder095 =
        ["down_blocks.0", "down_blocks.0.downsamplers.0", "down_blocks.1", "down_blocks.1.downsamplers.0", "down_blocks.2", "down_blocks.2.downsamplers.0", "down_blocks.3", "down_blocks.3.downsamplers.0", "mid_block"];

    private static readonly string[] Decoder091 =
        ["mid_block", "up_blocks.0.upsamplers.0", "up_blocks.0", "up_blocks.1.upsamplers.0", "up_blocks.1", "up_blocks.2.upsamplers.0", "up_blocks.2", "up_blocks.3.upsamplers.0", "up_blocks.3"];

    /// <summary>The autoencoder.</summary>
    public static KeyMap Vae(LtxVaeVersion version)
    {
        var rules = new List<KeyRule>
        {
            new("per_channel_statistics.mean-of-means", "latents_mean"),
            new("per_channel_statistics.std-of-means", "latents_std"),
        };
        AddSide("encoder.down_blocks", "encoder", version == LtxVaeVersion.V095 ? Encoder095 : Encoder090);
        AddSide("decoder.up_blocks", "decoder", version == LtxVaeVersion.V090 ? Decoder090 : Decoder091);
        rules.AddRange(
        [
            new("decoder.last_time_embedder.{*}", "decoder.time_embedder.{*}"), new("decoder.last_scale_shift_table", "decoder.scale_shift_table"),
            new("decoder.timestep_scale_multiplier", "decoder.timestep_scale_multiplier"),
        ]);
        foreach (string side in (string[])["encoder", "decoder"])
        {
            rules.AddRange([new($"{side}.conv_in.{{*}}", $"{side}.conv_in.{{*}}"), new($"{side}.conv_out.{{*}}", $"{side}.conv_out.{{*}}")]);
        }
        return new KeyMap(rules, [.. Statistics.Select(name => new KeyOmission($"per_channel_statistics.{name}", "a statistic of the latents that nothing uses"))]);

        void AddSide(string published, string side, string[] blocks)
        {
            for (int i = 0; i < blocks.Length; i++)
            {
                string from = Name($"{published}.{i}"), to = $"{side}.{blocks[i]}";
                foreach (var (prefix, own) in new[] { ($"{from}.res_blocks.{{}}", $"{to}.resnets.{{}}"), (from, to) })
                {
                    rules.Add(new($"{prefix}.norm3.norm.{{}}", $"{own}.norm3.{{}}"));
                    rules.Add(new($"{prefix}.conv_shortcut.{{}}", $"{own}.conv_shortcut.conv.{{}}"));
                }
                rules.Add(new($"{from}.res_blocks.{{}}.{{*}}", $"{to}.resnets.{{}}.{{*}}"));
                rules.Add(new($"{from}.{{*}}", $"{to}.{{*}}"));
            }
        }
    }
}
