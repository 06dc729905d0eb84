// Configurations, from the shapes of the weights they belong to.

using Kinora.Engine.Checkpoints;
using Kinora.Models.Systems.Ltx;
using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models.Systems.Wan;

namespace Kinora.Models.Checkpoints.Dialects;

internal static class WanShapes
{
    private const int HeadDim = 128;

    /// <summary>The transformer's configuration; null when the weights are not whole.</summary>
    public static string? Transformer(IWeights weights)
    {
        if (weights.Find("patch_embedding.weight")?.Shape is not [var width, var input, var t, var h, var w] || weights.Find("blocks.0.ffn.net.0.proj.weight")?.Shape is not [var inner, _]
            || weights.Find("condition_embedder.text_embedder.linear_1.weight")?.Shape is not [_, var text] || weights.Find("proj_out.weight")?.Shape is not [var output, _]
            || weights.Find("condition_embedder.time_embedder.linear_1.weight")?.Shape is not [_, var frequencies])
        {
            return null;
        }
        int layers = weights.Names.Where(n => n.StartsWith("blocks.", StringComparison.Ordinal)).Select(n => DialectRecognition.Number(n, 1)).Max() + 1;
        int head = width % HeadDim == 0 ? HeadDim : 0;
        if (head == 0)
        {
            return null;
        }
        int? image = weights.Find("condition_embedder.image_embedder.norm1.weight")?.Shape is [var size] ? (int)size : null;
        int? positions = weights.Find("condition_embedder.image_embedder.pos_embed")?.Shape is [_, var count, _] ? (int)count : null;
        var config = WanTransformerConfig.TextToVideo1B with
        {
            PatchSize = [(int)t, (int)h, (int)w],
            NumAttentionHeads = (int)(width / head),
            AttentionHeadDim = head,
            InChannels = (int)input,
            OutChannels = (int)(output / (t * h * w)),
            TextDim = (int)text,
            FreqDim = (int)frequencies,
            FfnDim = (int)inner,
            NumLayers = layers,
            ImageDim = image,
            AddedKvProjDim = image is null ? null : (int)width,
            PosEmbedSeqLen = positions,
        };
        return ModelConfigJson.Write(config, WanJson.Default.WanTransformerConfig);
    }

    /// <summary>Levels and residual blocks of the first published autoencoder, whose blocks stand in one row.</summary>
    public static (int Levels, int Layers) Levels21(IWeights file, string prefix)
    {
        string side = prefix + "encoder.downsamples.";
        int blocks = file.Names.Where(n => n.StartsWith(side, StringComparison.Ordinal)).Select(n => DialectRecognition.Number(n[prefix.Length..], 2)).Max() + 1;
        int halvings = file.Names.Where(n => n.StartsWith(side, StringComparison.Ordinal) && n.EndsWith(".resample.1.weight", StringComparison.Ordinal)).Count();
        int levels = halvings + 1;
        return (levels, Math.Max(1, (blocks - halvings) / levels));
    }

    /// <summary>Wan 2.1's autoencoder; null for another width.</summary>
    public static string? Vae21(IWeights weights) =>
        weights.Find("encoder.conv_in.weight")?.Shape is [96, 3, 3, 3, 3] ? ModelConfigJson.Write(WanAutoencoderConfig.Wan21, WanJson.Default.WanAutoencoderConfig) : null;
}

internal static class LtxShapes
{
    /// <summary>The transformer's configuration; null for widths that were not published.</summary>
    public static string? Transformer(IWeights weights)
    {
        LtxTransformerConfig? config = weights.Find("proj_in.weight")?.Shape switch { [2048, 128] => LtxTransformerConfig.Video2B, [4096, 128] => LtxTransformerConfig.Video13B, _ => null };
        return config is null ? null : ModelConfigJson.Write(config, LtxJson.Default.LtxTransformerConfig);
    }

    public static string Vae(LtxVaeVersion version) =>
        ModelConfigJson.Write(version switch { LtxVaeVersion.V090 => LtxAutoencoderConfig.V090, LtxVaeVersion.V091 => LtxAutoencoderConfig.V091, _ => LtxAutoencoderConfig.V095 }, LtxJson.Default.LtxAutoencoderConfig);
}

internal static class StableDiffusionShapes
{
    private const string CrossDown = "CrossAttnDownBlock2D", Down = "DownBlock2D", CrossUp = "CrossAttnUpBlock2D", Up = "UpBlock2D";
    private const int XlTimeDim = 256;
    private const double XlScaling = 0.13025;

    /// <summary>The U-Net's configuration; null when the weights are not whole.</summary>
    public static string? UNet(IWeights weights, int levels, int layers, bool[] attends)
    {
        int first = Array.IndexOf(attends, true);
        if (weights.Find("conv_in.weight")?.Shape is not [_, var input, _, _] || weights.Find("conv_out.weight")?.Shape is not [var output, _, _, _] || first < 0
            || weights.Find(KeyMap.Name($"down_blocks.{first}.attentions.0.transformer_blocks.0.attn2.to_k.weight"))?.Shape is not [_, var context])
        {
            return null;
        }
        var widths = new int[levels];
        for (int level = 0; level < levels; level++)
        {
            if (weights.Find(KeyMap.Name($"down_blocks.{level}.resnets.0.conv1.weight"))?.Shape is not [var width, ..])
            {
                return null;
            }
            widths[level] = (int)width;
        }
        bool linear = weights.Find(KeyMap.Name($"down_blocks.{first}.attentions.0.proj_in.weight"))?.Shape.Count == 2;
        int[] depth = [.. Enumerable.Range(0, levels).Select(level => attends[level] ? BlocksOf(weights, KeyMap.Name($"down_blocks.{level}.attentions.0.transformer_blocks.")) : 1)];
        // Original files have 8 heads where projections are convolutions and heads of 64 channels where they are matrices.
        int[] heads = linear ? [.. widths.Select(w => w / 64)] : [8];
        long? added = weights.Find("add_embedding.linear_1.weight")?.Shape is [_, var size] ? size : null;
        var config = new UNet2DConditionConfig
        {
            SampleSize = added is not null ? 128 : linear ? 96 : 64,
            InChannels = (int)input,
            OutChannels = (int)output,
            DownBlockTypes = [.. attends.Select(a => a ? CrossDown : Down)],
            UpBlockTypes = [.. attends.Reverse().Select(a => a ? CrossUp : Up)],
            BlockOutChannels = widths,
            LayersPerBlock = [layers],
            CrossAttentionDim = [(int)context],
            AttentionHeadDim = heads,
            UseLinearProjection = linear,
            TransformerLayersPerBlock = depth.Distinct().Count() == 1 ? [depth[0]] : depth,
            AdditionEmbedType = added is null ? null : "text_time",
            AdditionTimeEmbedDim = added is null ? null : XlTimeDim,
            ProjectionClassEmbeddingsInputDim = (int?)added,
        };
        return ModelConfigJson.Write(config, StableDiffusionJson.Default.UNet2DConditionConfig);
    }

    /// <summary>The autoencoder's configuration; null when the weights are not whole.</summary>
    public static string? Vae(IWeights weights, int levels, bool isXl)
    {
        var widths = new int[levels];
        for (int level = 0; level < levels; level++)
        {
            if (weights.Find(KeyMap.Name($"encoder.down_blocks.{level}.resnets.0.conv1.weight"))?.Shape is not [var width, ..])
            {
                return null;
            }
            widths[level] = (int)width;
        }
        if (weights.Find("decoder.conv_in.weight")?.Shape is not [_, var latent, _, _])
        {
            return null;
        }
        var config = new AutoencoderKlConfig
        {
            DownBlockTypes = [.. widths.Select(_ => "DownEncoderBlock2D")],
            UpBlockTypes = [.. widths.Select(_ => "UpDecoderBlock2D")],
            BlockOutChannels = widths,
            LayersPerBlock = weights.Names.Where(n => n.StartsWith("encoder.down_blocks.0.resnets.", StringComparison.Ordinal)).Select(n => DialectRecognition.Number(n, 4)).Max() + 1,
            LatentChannels = (int)latent,
            SampleSize = isXl ? 1024 : 512,
            ScalingFactor = isXl ? XlScaling : new AutoencoderKlConfig().ScalingFactor,
        };
        return ModelConfigJson.Write(config, StableDiffusionJson.Default.AutoencoderKlConfig);
    }

    /// <summary>CLIP's text tower as OpenAI's ViT-L/14 has it; null for another width.</summary>
    public static string? ClipText(IWeights weights) => weights.Find("text_model.embeddings.token_embedding.weight")?.Shape is [49408, 768] ? """
        {
          "architectures": ["CLIPTextModel"],
          "attention_dropout": 0.0,
          "bos_token_id": 0,
          "dropout": 0.0,
          "eos_token_id": 2,
          "hidden_act": "quick_gelu",
          "hidden_size": 768,
          "initializer_factor": 1.0,
          "initializer_range": 0.02,
          "intermediate_size": 3072,
          "layer_norm_eps": 1e-05,
          "max_position_embeddings": 77,
          "model_type": "clip_text_model",
          "num_attention_heads": 12,
          "num_hidden_layers": 12,
          "pad_token_id": 1,
          "projection_dim": 768,
          "torch_dtype": "float32",
          "vocab_size": 49408
        }

        """ : null;

    private static int BlocksOf(IWeights weights, string prefix) =>
        weights.Names.Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).Select(n => DialectRecognition.Number(n[prefix.Length..], 0)).DefaultIfEmpty(0).Max() + 1;
}
