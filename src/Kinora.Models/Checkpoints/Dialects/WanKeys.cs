// Wan 2.1 and 2.2 as Wan-AI published them: transformer, autoencoders and the umT5 encoder.
// Sources: Wan-Video/Wan2.1 and Wan2.2, wan/modules/{model,vae,vae2_1,vae2_2,t5}.py (published names); huggingface/diffusers v0.35,
// scripts/convert_wan_to_diffusers.py (which is which).

using static Kinora.Models.Checkpoints.KeyMap;

namespace Kinora.Models.Checkpoints.Dialects;

internal static class WanKeys
{
    private static readonly (string Published, string Own)[] Residual =
    [
        ("residual.0.gamma", "norm1.gamma"), ("residual.2.weight", "conv1.weight"), ("residual.2.bias", "conv1.bias"),
        ("residual.3.gamma", "norm2.gamma"), ("residual.6.weight", "conv2.weight"), ("residual.6.bias", "conv2.bias"),
        ("shortcut.weight", "conv_shortcut.weight"), ("shortcut.bias", "conv_shortcut.bias"),
    ];

    /// <summary>The transformer. Its third norm is our second: the published one is skipped where cross-attention is not normalized.</summary>
    public static KeyMap Transformer { get; } = new(TransformerRules());

    /// <summary>The encoder of umT5.</summary>
    public static KeyMap TextEncoder { get; } = new(
    [
        new("token_embedding.weight", "shared.weight"),
        new("blocks.{}.norm1.weight", "encoder.block.{}.layer.0.layer_norm.weight"),
        new("blocks.{}.attn.q.weight", "encoder.block.{}.layer.0.SelfAttention.q.weight"),
        new("blocks.{}.attn.k.weight", "encoder.block.{}.layer.0.SelfAttention.k.weight"),
        new("blocks.{}.attn.v.weight", "encoder.block.{}.layer.0.SelfAttention.v.weight"),
        new("blocks.{}.attn.o.weight", "encoder.block.{}.layer.0.SelfAttention.o.weight"),
        new("blocks.{}.pos_embedding.embedding.weight", "encoder.block.{}.layer.0.SelfAttention.relative_attention_bias.weight"),
        new("blocks.{}.norm2.weight", "encoder.block.{}.layer.1.layer_norm.weight"),
        new("blocks.{}.ffn.gate.0.weight", "encoder.block.{}.layer.1.DenseReluDense.wi_0.weight"),
        new("blocks.{}.ffn.fc1.weight", "encoder.block.{}.layer.1.DenseReluDense.wi_1.weight"),
        new("blocks.{}.ffn.fc2.weight", "encoder.block.{}.layer.1.DenseReluDense.wo.weight"),
        new("norm.weight", "encoder.final_layer_norm.weight"),
    ]);

    /// <summary>The autoencoder of Wan 2.1: blocks in one row on both sides.</summary>
    /// <param name="levels">Levels of resolution.</param>
    /// <param name="layers">Residual blocks of a level in the encoder; the decoder has one more.</param>
    public static KeyMap Vae21(int levels, int layers)
    {
        var rules = VaeEnds();
        foreach (var (published, own) in Residual)
        {
            rules.Add(new($"encoder.downsamples.{{}}.{published}", $"encoder.down_blocks.{{}}.{own}"));
        }
        rules.Add(new("encoder.downsamples.{}.{*}", "encoder.down_blocks.{}.{*}"));
        for (int level = 0; level < levels; level++)
        {
            int first = level * (layers + 2);
            for (int j = 0; j <= layers; j++)
            {
                foreach (var (published, own) in Residual)
                {
                    rules.Add(new(Name($"decoder.upsamples.{first + j}.{published}"), Name($"decoder.up_blocks.{level}.resnets.{j}.{own}")));
                }
            }
            rules.Add(new(Name($"decoder.upsamples.{first + layers + 1}.{{*}}"), Name($"decoder.up_blocks.{level}.upsamplers.0.{{*}}")));
        }
        return new KeyMap(rules);
    }

    /// <summary>The autoencoder of Wan 2.2: blocks within levels.</summary>
    /// <param name="levels">Levels of resolution.</param>
    /// <param name="layers">Residual blocks of a level in the encoder; the decoder has one more.</param>
    public static KeyMap Vae22(int levels, int layers)
    {
        var rules = VaeEnds();
        for (int level = 0; level < levels; level++)
        {
            Level(Name($"encoder.downsamples.{level}.downsamples"), Name($"encoder.down_blocks.{level}"), "downsampler", layers);
            Level(Name($"decoder.upsamples.{level}.upsamples"), Name($"decoder.up_blocks.{level}"), "upsampler", layers + 1);
        }
        return new KeyMap(rules);

        void Level(string published, string own, string sampler, int blocks)
        {
            for (int j = 0; j < blocks; j++)
            {
                foreach (var part in Residual)
                {
                    rules.Add(new(Name($"{published}.{j}.{part.Published}"), Name($"{own}.resnets.{j}.{part.Own}")));
                }
            }
            rules.Add(new(Name($"{published}.{blocks}.{{*}}"), $"{own}.{sampler}.{{*}}"));
        }
    }

    private static List<KeyRule> VaeEnds()
    {
        var rules = new List<KeyRule> { new("conv1.{}", "quant_conv.{}"), new("conv2.{}", "post_quant_conv.{}") };
        foreach (string side in (string[])["encoder", "decoder"])
        {
            rules.AddRange(
            [
                new($"{side}.conv1.{{}}", $"{side}.conv_in.{{}}"), new($"{side}.head.0.gamma", $"{side}.norm_out.gamma"), new($"{side}.head.2.{{}}", $"{side}.conv_out.{{}}"),
                new($"{side}.middle.1.{{*}}", $"{side}.mid_block.attentions.0.{{*}}"),
            ]);
            foreach (var (published, own) in Residual)
            {
                rules.Add(new($"{side}.middle.0.{published}", $"{side}.mid_block.resnets.0.{own}"));
                rules.Add(new($"{side}.middle.2.{published}", $"{side}.mid_block.resnets.1.{own}"));
            }
        }
        return rules;
    }

    private static List<KeyRule> TransformerRules()
    {
        var rules = new List<KeyRule>
        {
            new("patch_embedding.{}", "patch_embedding.{}"),
            new("time_embedding.0.{}", "condition_embedder.time_embedder.linear_1.{}"),
            new("time_embedding.2.{}", "condition_embedder.time_embedder.linear_2.{}"),
            new("time_projection.1.{}", "condition_embedder.time_proj.{}"),
            new("text_embedding.0.{}", "condition_embedder.text_embedder.linear_1.{}"),
            new("text_embedding.2.{}", "condition_embedder.text_embedder.linear_2.{}"),
            new("img_emb.proj.0.{}", "condition_embedder.image_embedder.norm1.{}"),
            new("img_emb.proj.1.{}", "condition_embedder.image_embedder.ff.net.0.proj.{}"),
            new("img_emb.proj.3.{}", "condition_embedder.image_embedder.ff.net.2.{}"),
            new("img_emb.proj.4.{}", "condition_embedder.image_embedder.norm2.{}"),
            new("img_emb.emb_pos", "condition_embedder.image_embedder.pos_embed"),
            new("head.modulation", "scale_shift_table"),
            new("head.head.{}", "proj_out.{}"),
            new("blocks.{}.modulation", "blocks.{}.scale_shift_table"),
            new("blocks.{}.norm3.{}", "blocks.{}.norm2.{}"),
            new("blocks.{}.ffn.0.{}", "blocks.{}.ffn.net.0.proj.{}"),
            new("blocks.{}.ffn.2.{}", "blocks.{}.ffn.net.2.{}"),
        };
        foreach (var (published, own) in new[] { ("self_attn", "attn1"), ("cross_attn", "attn2") })
        {
            foreach (var (from, to) in new[] { ("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("o", "to_out.0"), ("norm_q", "norm_q"), ("norm_k", "norm_k"), ("k_img", "add_k_proj"), ("v_img", "add_v_proj"), ("norm_k_img", "norm_added_k") })
            {
                rules.Add(new($"blocks.{{}}.{published}.{from}.{{}}", $"blocks.{{}}.{own}.{to}.{{}}"));
            }
        }
        return rules;
    }
}
