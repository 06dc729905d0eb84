// Stable Diffusion as CompVis and Stability AI published it: U-Net, ControlNet and autoencoder.
// Sources: CompVis/stable-diffusion, ldm/modules/diffusionmodules/{openaimodel,model}.py (published names); huggingface/diffusers v0.31,
// scripts/convert_original_stable_diffusion_to_diffusers.py (which is which). Names to the right are those of diffusers.

using static Kinora.Models.Checkpoints.KeyMap;

namespace Kinora.Models.Checkpoints.Dialects;

/// <summary>Rename tables that depend on the number of levels and of layers in each.</summary>
internal static class CompVisKeys
{
    private static readonly (string Published, string Own)[] Resnet =
    [
        ("in_layers.0", "norm1"), ("in_layers.2", "conv1"), ("emb_layers.1", "time_emb_proj"),
        ("out_layers.0", "norm2"), ("out_layers.3", "conv2"), ("skip_connection", "conv_shortcut"),
    ];

    private static readonly (string Published, string Own)[] VaeResnet =
    [
        ("norm1", "norm1"), ("conv1", "conv1"), ("norm2", "norm2"), ("conv2", "conv2"), ("nin_shortcut", "conv_shortcut"),
    ];

    /// <summary>The U-Net. Its first block ends at the first downsampler, which tells how many layers a level has.</summary>
    /// <param name="levels">Levels of resolution.</param>
    /// <param name="layers">Residual blocks of a level on the way down.</param>
    /// <param name="hasAttention">Whether a level, counted from the top, has attention.</param>
    public static KeyMap UNet(int levels, int layers, Func<int, bool> hasAttention)
    {
        var rules = Trunk(levels, layers);
        rules.AddRange([new("out.0.{}", "conv_norm_out.{}"), new("out.2.{}", "conv_out.{}")]);
        for (int level = 0; level < levels; level++)
        {
            for (int j = 0; j <= layers; j++)
            {
                string published = Name($"output_blocks.{level * (layers + 1) + j}");
                rules.AddRange(ResnetRules($"{published}.0", Name($"up_blocks.{level}.resnets.{j}")));
                bool attends = hasAttention(levels - 1 - level);
                if (j == layers && level < levels - 1)
                {
                    rules.Add(new($"{published}.{(attends ? 2 : 1)}.conv.{{}}", Name($"up_blocks.{level}.upsamplers.0.conv.{{}}")));
                }
                if (attends)
                {
                    rules.Add(new($"{published}.1.{{*}}", Name($"up_blocks.{level}.attentions.{j}.{{*}}")));
                }
            }
        }
        return new KeyMap(rules);
    }

    /// <summary>ControlNet: the way down, the stem that reads the control image, and the outputs that begin as zeros.</summary>
    public static KeyMap ControlNet(int levels, int layers)
    {
        const int HintLayers = 6;
        var rules = Trunk(levels, layers);
        rules.Add(new("input_hint_block.0.{}", "controlnet_cond_embedding.conv_in.{}"));
        for (int i = 0; i < HintLayers; i++)
        {
            rules.Add(new(Name($"input_hint_block.{2 * (i + 1)}.{{}}"), Name($"controlnet_cond_embedding.blocks.{i}.{{}}")));
        }
        rules.AddRange(
        [
            new("input_hint_block.14.{}", "controlnet_cond_embedding.conv_out.{}"),
            new("zero_convs.{}.0.{}", "controlnet_down_blocks.{}.{}"),
            new("middle_block_out.0.{}", "controlnet_mid_block.{}"),
        ]);
        return new KeyMap(rules);
    }

    /// <summary>The autoencoder; the decoder counts its levels from the other end.</summary>
    public static KeyMap Vae(int levels)
    {
        var rules = new List<KeyRule>
        {
            new("encoder.conv_in.{}", "encoder.conv_in.{}"), new("encoder.conv_out.{}", "encoder.conv_out.{}"), new("encoder.norm_out.{}", "encoder.conv_norm_out.{}"),
            new("decoder.conv_in.{}", "decoder.conv_in.{}"), new("decoder.conv_out.{}", "decoder.conv_out.{}"), new("decoder.norm_out.{}", "decoder.conv_norm_out.{}"),
            new("quant_conv.{}", "quant_conv.{}"), new("post_quant_conv.{}", "post_quant_conv.{}"),
        };
        foreach (string side in (string[])["encoder", "decoder"])
        {
            foreach (var (published, own) in VaeResnet)
            {
                rules.Add(new($"{side}.mid.block_1.{published}.{{}}", $"{side}.mid_block.resnets.0.{own}.{{}}"));
                rules.Add(new($"{side}.mid.block_2.{published}.{{}}", $"{side}.mid_block.resnets.1.{own}.{{}}"));
            }
            string mid = $"{side}.mid.attn_1", attention = $"{side}.mid_block.attentions.0";
            rules.Add(new($"{mid}.norm.{{}}", $"{attention}.group_norm.{{}}"));
            foreach (var (published, own) in new[] { ("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("proj_out", "to_out.0") })
            {
                rules.Add(new($"{mid}.{published}.weight", $"{attention}.{own}.weight", KeyStep.Flattened));
                rules.Add(new($"{mid}.{published}.bias", $"{attention}.{own}.bias"));
            }
        }
        for (int level = 0; level < levels; level++)
        {
            foreach (var (published, own) in VaeResnet)
            {
                rules.Add(new(Name($"encoder.down.{level}.block.{{}}.{published}.{{}}"), Name($"encoder.down_blocks.{level}.resnets.{{}}.{own}.{{}}")));
                rules.Add(new(Name($"decoder.up.{levels - 1 - level}.block.{{}}.{published}.{{}}"), Name($"decoder.up_blocks.{level}.resnets.{{}}.{own}.{{}}")));
            }
            rules.Add(new(Name($"encoder.down.{level}.downsample.conv.{{}}"), Name($"encoder.down_blocks.{level}.downsamplers.0.conv.{{}}")));
            rules.Add(new(Name($"decoder.up.{levels - 1 - level}.upsample.conv.{{}}"), Name($"decoder.up_blocks.{level}.upsamplers.0.conv.{{}}")));
        }
        return new KeyMap(rules, [new("loss.{*}", "the discriminator of the autoencoder's training")]);
    }

    /// <summary>What U-Net and ControlNet share: embeddings, the way down, the middle.</summary>
    private static List<KeyRule> Trunk(int levels, int layers)
    {
        var rules = new List<KeyRule>
        {
            new("time_embed.0.{}", "time_embedding.linear_1.{}"), new("time_embed.2.{}", "time_embedding.linear_2.{}"),
            new("label_emb.0.0.{}", "add_embedding.linear_1.{}"), new("label_emb.0.2.{}", "add_embedding.linear_2.{}"),
            new("input_blocks.0.0.{}", "conv_in.{}"),
        };
        for (int level = 0; level < levels; level++)
        {
            for (int j = 0; j < layers; j++)
            {
                string published = Name($"input_blocks.{1 + level * (layers + 1) + j}");
                rules.AddRange(ResnetRules($"{published}.0", Name($"down_blocks.{level}.resnets.{j}")));
                rules.Add(new($"{published}.1.{{*}}", Name($"down_blocks.{level}.attentions.{j}.{{*}}")));
            }
            rules.Add(new(Name($"input_blocks.{(level + 1) * (layers + 1)}.0.op.{{}}"), Name($"down_blocks.{level}.downsamplers.0.conv.{{}}")));
        }
        rules.AddRange(ResnetRules("middle_block.0", "mid_block.resnets.0"));
        rules.Add(new("middle_block.1.{*}", "mid_block.attentions.0.{*}"));
        rules.AddRange(ResnetRules("middle_block.2", "mid_block.resnets.1"));
        return rules;
    }

    private static IEnumerable<KeyRule> ResnetRules(string published, string own) =>
        Resnet.Select(part => new KeyRule($"{published}.{part.Published}.{{}}", $"{own}.{part.Own}.{{}}"));
}
