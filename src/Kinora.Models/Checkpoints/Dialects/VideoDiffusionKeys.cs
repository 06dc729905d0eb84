// Stable Video Diffusion as Stability AI published it: every residual block and transformer of Stable Diffusion with a temporal twin.
// Sources: Stability-AI/generative-models, sgm/modules/diffusionmodules/{video_model,openaimodel}.py, sgm/modules/video_attention.py,
// sgm/modules/autoencoding/temporal_ae.py (published names); huggingface/diffusers v0.31, scripts/convert_svd_to_diffusers.py (which is which).

using static Kinora.Models.Checkpoints.KeyMap;

namespace Kinora.Models.Checkpoints.Dialects;

internal static class VideoDiffusionKeys
{
    private static readonly (string Published, string Own)[] Resnet =
    [
        ("in_layers.0", "norm1"), ("in_layers.2", "conv1"), ("emb_layers.1", "time_emb_proj"),
        ("out_layers.0", "norm2"), ("out_layers.3", "conv2"), ("skip_connection", "conv_shortcut"),
    ];

    private static readonly string[] VaeResnet = ["norm1", "conv1", "norm2", "conv2"];

    /// <summary>The U-Net.</summary>
    /// <param name="levels">Levels of resolution.</param>
    /// <param name="layers">Residual blocks of a level on the way down.</param>
    /// <param name="hasAttention">Whether a level, counted from the top, has attention.</param>
    public static KeyMap UNet(int levels, int layers, Func<int, bool> hasAttention)
    {
        var rules = new List<KeyRule>
        {
            new("time_embed.0.{}", "time_embedding.linear_1.{}"), new("time_embed.2.{}", "time_embedding.linear_2.{}"),
            new("label_emb.0.0.{}", "add_embedding.linear_1.{}"), new("label_emb.0.2.{}", "add_embedding.linear_2.{}"),
            new("input_blocks.0.0.{}", "conv_in.{}"), new("out.0.{}", "conv_norm_out.{}"), new("out.2.{}", "conv_out.{}"),
        };
        for (int level = 0; level < levels; level++)
        {
            for (int j = 0; j < layers; j++)
            {
                string published = Name($"input_blocks.{1 + level * (layers + 1) + j}");
                AddResnet(rules, $"{published}.0", Name($"down_blocks.{level}.resnets.{j}"));
                AddTransformer(rules, $"{published}.1", Name($"down_blocks.{level}.attentions.{j}"));
            }
            rules.Add(new(Name($"input_blocks.{(level + 1) * (layers + 1)}.0.op.{{}}"), Name($"down_blocks.{level}.downsamplers.0.conv.{{}}")));
            for (int j = 0; j <= layers; j++)
            {
                string published = Name($"output_blocks.{level * (layers + 1) + j}");
                AddResnet(rules, $"{published}.0", Name($"up_blocks.{level}.resnets.{j}"));
                bool attends = hasAttention(levels - 1 - level);
                if (attends)
                {
                    AddTransformer(rules, $"{published}.1", Name($"up_blocks.{level}.attentions.{j}"));
                }
                if (j == layers && level < levels - 1)
                {
                    rules.Add(new($"{published}.{(attends ? 2 : 1)}.conv.{{}}", Name($"up_blocks.{level}.upsamplers.0.conv.{{}}")));
                }
            }
        }
        AddResnet(rules, "middle_block.0", "mid_block.resnets.0");
        AddTransformer(rules, "middle_block.1", "mid_block.attentions.0");
        AddResnet(rules, "middle_block.2", "mid_block.resnets.1");
        return new KeyMap(rules);
    }

    /// <summary>The autoencoder: the encoder of Stable Diffusion, a decoder with temporal blocks.</summary>
    public static KeyMap Vae(int levels)
    {
        // The encoder and the decoder's attention are those of pictures.
        var rules = CompVisKeys.Vae(levels).Rules.Where(r => r.Own.StartsWith("encoder.", StringComparison.Ordinal) || r.Own.StartsWith("quant_conv.", StringComparison.Ordinal)
            || r.Own.StartsWith("decoder.conv_", StringComparison.Ordinal) || r.Own.Contains(".attentions.", StringComparison.Ordinal) || r.Own.Contains(".upsamplers.", StringComparison.Ordinal)).ToList();
        rules.Add(new("decoder.conv_out.time_mix_conv.{}", "decoder.time_conv_out.{}"));
        AddVaeResnet("decoder.mid.block_1", "decoder.mid_block.resnets.0");
        AddVaeResnet("decoder.mid.block_2", "decoder.mid_block.resnets.1");
        for (int level = 0; level < levels; level++)
        {
            AddVaeResnet(Name($"decoder.up.{levels - 1 - level}.block.{{}}"), Name($"decoder.up_blocks.{level}.resnets.{{}}"));
        }
        return new KeyMap(rules, [new("loss.{*}", "the discriminator of the autoencoder's training")]);

        void AddVaeResnet(string published, string own)
        {
            rules.AddRange(VaeResnet.Select(part => new KeyRule($"{published}.{part}.{{}}", $"{own}.spatial_res_block.{part}.{{}}")));
            rules.Add(new($"{published}.nin_shortcut.{{}}", $"{own}.spatial_res_block.conv_shortcut.{{}}"));
            rules.AddRange(Resnet.Select(part => new KeyRule($"{published}.time_stack.{part.Published}.{{}}", $"{own}.temporal_res_block.{part.Own}.{{}}")));
            rules.Add(new($"{published}.mix_factor", $"{own}.time_mixer.mix_factor"));
        }
    }

    private static void AddResnet(List<KeyRule> rules, string published, string own)
    {
        foreach (var part in Resnet)
        {
            rules.Add(new($"{published}.{part.Published}.{{}}", $"{own}.spatial_res_block.{part.Own}.{{}}"));
            rules.Add(new($"{published}.time_stack.{part.Published}.{{}}", $"{own}.temporal_res_block.{part.Own}.{{}}"));
        }
        rules.Add(new($"{published}.time_mixer.mix_factor", $"{own}.time_mixer.mix_factor"));
    }

    private static void AddTransformer(List<KeyRule> rules, string published, string own) => rules.AddRange(
    [
        new($"{published}.time_stack.{{*}}", $"{own}.temporal_transformer_blocks.{{*}}"),
        new($"{published}.time_pos_embed.0.{{}}", $"{own}.time_pos_embed.linear_1.{{}}"),
        new($"{published}.time_pos_embed.2.{{}}", $"{own}.time_pos_embed.linear_2.{{}}"),
        new($"{published}.{{*}}", $"{own}.{{*}}"),
    ]);
}
