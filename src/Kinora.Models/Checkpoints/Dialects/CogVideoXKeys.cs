// CogVideoX as THUDM published it (the SAT layout): transformer and autoencoder.
// Sources: THUDM/CogVideo, sat/dit_video_concat.py and sat/vae_modules/cp_enc_dec.py (published names); huggingface/diffusers v0.31,
// scripts/convert_cogvideox_to_diffusers.py (which is which; the order of the twelve modulations).

using static Kinora.Models.Checkpoints.KeyMap;

namespace Kinora.Models.Checkpoints.Dialects;

internal static class CogVideoXKeys
{
    private const string Layer = "transformer.layers.{}.";
    private const string Block = "transformer_blocks.{}.";
    private const string Mixins = "mixins.";
    private const int Modulations = 12;

    /// <summary>The transformer.</summary>
    public static KeyMap Transformer { get; } = new(TransformerRules(),
    [
        new("mixins.pos_embed.freqs_sin", "computed"), new("mixins.pos_embed.freqs_cos", "computed"),
        new("transformer.position_embeddings.{*}", "not used by the model"), new("transformer.word_embeddings.{*}", "not used by the model"),
    ]);

    /// <summary>The autoencoder; the decoder counts its levels from the other end.</summary>
    public static KeyMap Vae(int levels)
    {
        var rules = new List<KeyRule>();
        foreach (string side in (string[])["encoder", "decoder"])
        {
            foreach (var (published, own) in new[] { ("block_1", "resnets.0"), ("block_2", "resnets.1") })
            {
                rules.Add(new($"{side}.mid.{published}.nin_shortcut.{{}}", $"{side}.mid_block.{own}.conv_shortcut.{{}}"));
                rules.Add(new($"{side}.mid.{published}.{{*}}", $"{side}.mid_block.{own}.{{*}}"));
            }
            rules.AddRange([new($"{side}.conv_in.{{*}}", $"{side}.conv_in.{{*}}"), new($"{side}.conv_out.{{*}}", $"{side}.conv_out.{{*}}"), new($"{side}.norm_out.{{*}}", $"{side}.norm_out.{{*}}")]);
        }
        for (int level = 0; level < levels; level++)
        {
            AddLevel(Name($"encoder.down.{level}"), Name($"encoder.down_blocks.{level}"), "downsample", "downsamplers.0");
            AddLevel(Name($"decoder.up.{levels - 1 - level}"), Name($"decoder.up_blocks.{level}"), "upsample", "upsamplers.0");
        }
        return new KeyMap(rules, [new("loss.{*}", "the discriminator of the autoencoder's training")]);

        void AddLevel(string published, string own, string sampler, string ownSampler)
        {
            rules.Add(new($"{published}.block.{{}}.nin_shortcut.{{}}", $"{own}.resnets.{{}}.conv_shortcut.{{}}"));
            rules.Add(new($"{published}.block.{{}}.{{*}}", $"{own}.resnets.{{}}.{{*}}"));
            rules.Add(new($"{published}.{sampler}.{{*}}", $"{own}.{ownSampler}.{{*}}"));
        }
    }

    private static List<KeyRule> TransformerRules()
    {
        var rules = new List<KeyRule>
        {
            new("time_embed.0.{}", "time_embedding.linear_1.{}"), new("time_embed.2.{}", "time_embedding.linear_2.{}"),
            new("ofs_embed.0.{}", "ofs_embedding.linear_1.{}"), new("ofs_embed.2.{}", "ofs_embedding.linear_2.{}"),
            new(Mixins + "patch_embed.{*}", "patch_embed.{*}"),
            new(Mixins + "pos_embed.pos_embedding", "patch_embed.pos_embedding"),
            new(Mixins + "final_layer.norm_final.{}", "norm_out.norm.{}"),
            new(Mixins + "final_layer.linear.{}", "proj_out.{}"),
            new(Mixins + "final_layer.adaLN_modulation.1.{}", "norm_out.linear.{}"),
            new("transformer.final_layernorm.{}", "norm_final.{}"),
            new(Layer + "input_layernorm.{}", Block + "norm1.norm.{}"),
            new(Layer + "post_attention_layernorm.{}", Block + "norm2.norm.{}"),
            new(Layer + "attention.dense.{}", Block + "attn1.to_out.0.{}"),
            new(Layer + "mlp.dense_h_to_4h.{}", Block + "ff.net.0.proj.{}"),
            new(Layer + "mlp.dense_4h_to_h.{}", Block + "ff.net.2.{}"),
            new(Mixins + "adaln_layer.query_layernorm_list.{}.{}", Block + "attn1.norm_q.{}"),
            new(Mixins + "adaln_layer.key_layernorm_list.{}.{}", Block + "attn1.norm_k.{}"),
        };
        string[] projections = ["to_q", "to_k", "to_v"];
        for (int i = 0; i < projections.Length; i++)
        {
            rules.Add(new(Layer + "attention.query_key_value.{}", $"{Block}attn1.{projections[i]}.{{}}", KeyStep.Parts(projections.Length, i)));
        }
        // Shift, scale and gate of the video, of its feed-forward, then the same of the text.
        rules.Add(new(Mixins + "adaln_layer.adaLN_modulations.{}.1.{}", Block + "norm1.linear.{}", KeyStep.Parts(Modulations, 0, 1, 2, 6, 7, 8)));
        rules.Add(new(Mixins + "adaln_layer.adaLN_modulations.{}.1.{}", Block + "norm2.linear.{}", KeyStep.Parts(Modulations, 3, 4, 5, 9, 10, 11)));
        return rules;
    }
}
