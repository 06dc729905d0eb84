// Configurations, from the shapes of the weights they belong to.

using System.Text;
using System.Text.Json;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Systems.AnimateDiff;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Systems.CogVideoX;
using Kinora.Models.Systems.Ltx;
using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models.Systems.StableVideoDiffusion;
using Kinora.Models.Systems.T5;
using Kinora.Models.Systems.Wan;

namespace Kinora.Models.Checkpoints.Dialects;

internal static class LevelShapes
{
    /// <summary>Output widths of the weights that a name gives for level 0, 1, … as long as there are any.</summary>
    public static List<int> Widths(IWeights weights, Func<int, FormattableString> name)
    {
        var widths = new List<int>();
        while (weights.Find(KeyMap.Name(name(widths.Count)))?.Shape is [var width, ..])
        {
            widths.Add((int)width);
        }
        return widths;
    }
}

internal static class ClipShapes
{
    private const int HeadDim = 64, OpenAiWidth = 768, HugeWidth = 1280, HugeLayers = 32;

    /// <summary>A text tower; null when the weights are not whole.</summary>
    public static string? Text(IWeights weights)
    {
        const string Layers = "text_model.encoder.layers.";
        if (weights.Find("text_model.embeddings.token_embedding.weight")?.Shape is not [var vocabulary, var width] || width % HeadDim != 0
            || weights.Find("text_model.embeddings.position_embedding.weight")?.Shape is not [var positions, _] || weights.Find(Layers + "0.mlp.fc1.weight")?.Shape is not [var inner, _])
        {
            return null;
        }
        long? projection = weights.Find("text_projection.weight")?.Shape is [var size, _] ? size : null;
        var config = new ClipTextConfig
        {
            Architectures = Json(projection is null ? "[\"CLIPTextModel\"]" : "[\"CLIPTextModelWithProjection\"]"),
            VocabSize = (int)vocabulary,
            HiddenSize = (int)width,
            IntermediateSize = (int)inner,
            NumHiddenLayers = weights.Names.Where(n => n.StartsWith(Layers, StringComparison.Ordinal)).Select(n => DialectRecognition.Number(n, 3)).Max() + 1,
            NumAttentionHeads = (int)(width / HeadDim),
            MaxPositionEmbeddings = (int)positions,
            ProjectionDim = (int)(projection ?? width),
            // OpenAI's tower approximates GELU; OpenCLIP's, which are wider, do not.
            HiddenAct = width == OpenAiWidth ? "quick_gelu" : "gelu",
            // What published configurations state; the pooled token is then the one of the largest id.
            BosTokenId = 0,
            EosTokenId = ClipTextConfig.LegacyEosTokenId,
        };
        return ModelConfigJson.Write(config, ClipJson.Default.ClipTextConfig);
    }

    /// <summary>OpenCLIP's ViT-H/14, with or without its projection; null for other sizes, whose heads and activation shapes do not show.</summary>
    public static string? Vision(IWeights weights)
    {
        IReadOnlyList<long>? projection = weights.Find("visual_projection.weight")?.Shape;
        var config = new ClipVisionConfig
        {
            Architectures = Json(projection is null ? "[\"CLIPVisionModel\"]" : "[\"CLIPVisionModelWithProjection\"]"), HiddenSize = HugeWidth, IntermediateSize = 4 * HugeWidth, NumHiddenLayers = HugeLayers, NumAttentionHeads = 16, ImageSize = 224, PatchSize = 14, ProjectionDim = 1024, HiddenAct = "gelu",
        };
        return weights.Find("vision_model.embeddings.patch_embedding.weight")?.Shape is [HugeWidth, 3, 14, 14] && projection is null or [1024, HugeWidth]
            ? ModelConfigJson.Write(config, ClipJson.Default.ClipVisionConfig) : null;
    }

    /// <summary>A value of JSON, for keys that transformers writes in several forms.</summary>
    public static JsonElement Json(string text)
    {
        using JsonDocument document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }
}

internal static class T5Shapes
{
    private const string Attention = ".layer.0.SelfAttention.", Gate = "encoder.block.0.layer.1.DenseReluDense.wi_0.weight";

    /// <summary>Whether every layer has a table of position biases, as in umT5.</summary>
    public static bool IsUmt5(IWeights weights) => weights.Find($"encoder.block.1{Attention}relative_attention_bias.weight") is not null;

    /// <summary>The encoder of T5 or umT5; null when the weights are not whole.</summary>
    public static string? Encoder(IWeights weights)
    {
        string? inner = weights.Find(Gate) is not null ? Gate : "encoder.block.0.layer.1.DenseReluDense.wi.weight";
        if (weights.Find("shared.weight")?.Shape is not [var vocabulary, var width] || weights.Find($"encoder.block.0{Attention}q.weight")?.Shape is not [var all, _]
            || weights.Find($"encoder.block.0{Attention}relative_attention_bias.weight")?.Shape is not [var buckets, var heads] || weights.Find(inner)?.Shape is not [var ff, _] || heads == 0)
        {
            return null;
        }
        bool isUmt5 = IsUmt5(weights);
        var config = new T5Config
        {
            Architectures = ClipShapes.Json(isUmt5 ? "[\"UMT5EncoderModel\"]" : "[\"T5EncoderModel\"]"),
            ModelType = ClipShapes.Json(isUmt5 ? "\"umt5\"" : "\"t5\""),
            VocabSize = (int)vocabulary,
            DModel = (int)width,
            DKv = (int)(all / heads),
            DFf = (int)ff,
            NumHeads = (int)heads,
            NumLayers = weights.Names.Where(n => n.StartsWith("encoder.block.", StringComparison.Ordinal)).Select(n => DialectRecognition.Number(n, 2)).Max() + 1,
            RelativeAttentionNumBuckets = (int)buckets,
            FeedForwardProj = inner == Gate ? "gated-gelu" : "relu",
        };
        return ModelConfigJson.Write(config, T5Json.Default.T5Config);
    }
}

internal static class CogVideoXShapes
{
    private const int SmallWidth = 1920, LargeWidth = 3072;
    private const double LargeScaling = 0.7;

    /// <summary>The transformer of 2B, 5B or 1.5, whose tokens are pairs of latent frames; null for widths that were not published.</summary>
    public static string? Transformer(IWeights weights)
    {
        const string Positions = "patch_embed.pos_embedding";
        if (weights.Find("patch_embed.proj.weight")?.Shape is not [var width, var input, ..] shape || weights.Find("proj_out.weight")?.Shape is not [var output, _])
        {
            return null;
        }
        CogVideoXTransformerConfig? published = width switch { SmallWidth => CogVideoXTransformerConfig.TwoB, LargeWidth when shape.Count == 2 => CogVideoXTransformerConfig.FiveB15, LargeWidth => CogVideoXTransformerConfig.FiveB, _ => null };
        if (published is null)
        {
            return null;
        }
        // The convolution of 1.0 sees one latent's channels, the matrix of 1.5 those of the whole patch.
        int patch = published.PatchSize * published.PatchSize * published.PatchFrames;
        return ModelConfigJson.Write(published with
        {
            InChannels = (int)(shape.Count == 2 ? input / patch : input), OutChannels = (int)output / patch, UseLearnedPositionalEmbeddings = weights.Find(Positions) is not null,
            OfsEmbedDim = weights.Find("ofs_embedding.linear_1.weight")?.Shape is [_, var offset] ? (int)offset : null,
        }, CogVideoXJson.Default.CogVideoXTransformerConfig);
    }

    /// <summary>The autoencoder that all versions share but for the scale of its latents; null for other sizes.</summary>
    public static string? Vae(IWeights weights)
    {
        CogVideoXAutoencoderConfig published = CogVideoXAutoencoderConfig.TwoB;
        bool isPublished = weights.Find("decoder.conv_in.conv.weight")?.Shape is [_, var latent, ..] && latent == published.LatentChannels
            && published.BlockOutChannels.Select((width, level) => weights.Find(KeyMap.Name($"encoder.down_blocks.{level}.resnets.0.conv1.conv.weight"))?.Shape is [var found, ..] && found == width).All(same => same);
        return isPublished ? ModelConfigJson.Write(published, CogVideoXJson.Default.CogVideoXAutoencoderConfig) : null;
    }

    /// <summary>The autoencoder's configuration with the scale of latents that a transformer was trained with; null for a transformer that was not published.</summary>
    /// <remarks>huggingface/diffusers, scripts/convert_cogvideox_to_diffusers.py: 1.15258426 for 2B, 0.7 for the others; 1.5 divides a picture's latents by it.</remarks>
    /// <param name="vae">The configuration from shapes.</param>
    /// <param name="transformer">The transformer's.</param>
    public static string? VaeBeside(string vae, ConfigText transformer)
    {
        var shapes = ModelConfigJson.Read(Encoding.UTF8.GetBytes(vae), CogVideoXJson.Default.CogVideoXAutoencoderConfig, CogVideoXAutoencoderConfig.Name);
        var reader = ModelConfigJson.Read(transformer, CogVideoXJson.Default.CogVideoXTransformerConfig, CogVideoXTransformerConfig.Defaults);
        double? scaling = reader.Dim switch { SmallWidth => CogVideoXAutoencoderConfig.TwoB.ScalingFactor, LargeWidth => LargeScaling, _ => null };
        return scaling is not { } factor ? null : ModelConfigJson.Write(shapes with { ScalingFactor = factor, InvertScaleLatents = reader.PatchFrames > 1 }, CogVideoXJson.Default.CogVideoXAutoencoderConfig);
    }
}

internal static class VideoDiffusionShapes
{
    /// <summary>The U-Net of img2vid and img2vid-xt, which differ in the number of frames alone; null for other widths.</summary>
    public static string? UNet(IWeights weights) =>
        weights.Find("conv_in.weight")?.Shape is [320, 8, 3, 3] ? ModelConfigJson.Write(new UNetSpatioTemporalConfig(), StableVideoDiffusionJson.Default.UNetSpatioTemporalConfig) : null;

    /// <summary>Its autoencoder; null for other widths.</summary>
    public static string? Vae(IWeights weights)
    {
        int[] widths = [128, 256, 512, 512];
        bool isPublished = Enumerable.Range(0, widths.Length).All(level => weights.Find(KeyMap.Name($"encoder.down_blocks.{level}.resnets.1.conv1.weight"))?.Shape is [var width, ..] && width == widths[level]);
        return !isPublished ? null : ModelConfigJson.Write(new TemporalAutoencoderConfig
        {
            BlockOutChannels = widths, LayersPerBlock = 2, DownBlockTypes = [.. widths.Select(_ => "DownEncoderBlock2D")], SampleSize = 768,
        }, StableVideoDiffusionJson.Default.TemporalAutoencoderConfig);
    }
}

internal static class MotionShapes
{
    /// <summary>The motion modules; null when the weights are not whole.</summary>
    /// <param name="weights">Under our names.</param>
    /// <param name="file">The file, for the table of positions: its length is the longest clip.</param>
    public static string? Adapter(IWeights weights, IWeights file)
    {
        List<int> widths = LevelShapes.Widths(weights, level => $"down_blocks.{level}.motion_modules.0.proj_in.weight");
        string? positions = file.Names.FirstOrDefault(n => n.EndsWith("pos_encoder.pe", StringComparison.Ordinal));
        if (widths.Count == 0 || positions is null || file.Find(positions)!.Shape is not [_, var longest, _])
        {
            return null;
        }
        var config = new MotionAdapterConfig
        {
            BlockOutChannels = widths,
            MotionLayersPerBlock = [weights.Names.Where(n => n.StartsWith("down_blocks.0.motion_modules.", StringComparison.Ordinal)).Select(n => DialectRecognition.Number(n, 3)).Max() + 1],
            MotionMaxSeqLength = (int)longest,
            UseMotionMidBlock = weights.Names.Any(n => n.StartsWith("mid_block.", StringComparison.Ordinal)),
        };
        return ModelConfigJson.Write(config, AnimateDiffJson.Default.MotionAdapterConfig);
    }
}

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

    /// <summary>The autoencoder of Wan 2.1 or 2.2; null for other widths, whose latents have statistics that shapes do not show.</summary>
    public static string? Vae(IWeights weights)
    {
        WanAutoencoderConfig? published = weights.Find("encoder.conv_in.weight")?.Shape switch { [96, 3, 3, 3, 3] => WanAutoencoderConfig.Wan21, [160, 12, 3, 3, 3] => WanAutoencoderConfig.Wan22, _ => null };
        return published is not null && weights.Find("post_quant_conv.weight")?.Shape is [var latent, ..] && latent == published.ZDim ? ModelConfigJson.Write(published, WanJson.Default.WanAutoencoderConfig) : null;
    }
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
    private const int XlTimeDim = 256, HeadDim = 64, FewHeads = 8;
    private const int RefinerAdded = 2560, RefinerText = 1280, XlText = 2048;
    private const double XlScaling = 0.13025;

    // What a U-Net and a ControlNet have in common. Original files have 8 heads where projections are convolutions and heads of 64 channels where they are matrices.
    private sealed record Trunk(int Input, int[] Widths, int Layers, bool[] Attends, bool MiddleAttends, int[] Depth, bool IsLinear, int Text, int? Added)
    {
        public int[] Heads => IsLinear ? [.. Widths.Select(w => w / HeadDim)] : [FewHeads];

        public int[] Layered => Depth.Distinct().Count() == 1 ? [Depth[0]] : Depth;

        public string[] Down => [.. Attends.Select(a => a ? UNet2DConditionConfig.CrossAttentionDown : UNet2DConditionConfig.Down)];

        public string Middle => MiddleAttends ? UNet2DConditionConfig.CrossAttentionMid : UNet2DConditionConfig.Mid;
    }

    /// <summary>The U-Net's configuration; null when the weights are not whole.</summary>
    public static string? UNet(IWeights weights)
    {
        if (TrunkOf(weights) is not { } trunk || weights.Find("conv_out.weight")?.Shape is not [var output, _, _, _])
        {
            return null;
        }
        var config = new UNet2DConditionConfig
        {
            SampleSize = trunk.Added is not null ? 128 : trunk.IsLinear ? 96 : 64,
            InChannels = trunk.Input,
            OutChannels = (int)output,
            DownBlockTypes = trunk.Down,
            MidBlockType = trunk.Middle,
            UpBlockTypes = [.. trunk.Attends.Reverse().Select(a => a ? UNet2DConditionConfig.CrossAttentionUp : UNet2DConditionConfig.Up)],
            BlockOutChannels = trunk.Widths,
            LayersPerBlock = [trunk.Layers],
            CrossAttentionDim = [trunk.Text],
            AttentionHeadDim = trunk.Heads,
            UseLinearProjection = trunk.IsLinear,
            TransformerLayersPerBlock = trunk.Layered,
            TimeCondProjDim = weights.Find("time_embedding.cond_proj.weight")?.Shape is [_, var guidance] ? (int)guidance : null,
            AdditionEmbedType = trunk.Added is null ? null : "text_time",
            AdditionTimeEmbedDim = trunk.Added is null ? null : XlTimeDim,
            ProjectionClassEmbeddingsInputDim = trunk.Added,
        };
        return ModelConfigJson.Write(config, StableDiffusionJson.Default.UNet2DConditionConfig);
    }

    /// <summary>The ControlNet's configuration; null when the weights are not whole.</summary>
    public static string? ControlNet(IWeights weights)
    {
        const string Stem = "controlnet_cond_embedding.";
        if (TrunkOf(weights) is not { } trunk || weights.Find(Stem + "conv_in.weight")?.Shape is not [var first, var colors, _, _])
        {
            return null;
        }
        // Every second of the stem's convolutions halves the picture and widens it.
        var stem = new List<int> { (int)first };
        while (weights.Find(KeyMap.Name($"{Stem}blocks.{2 * stem.Count - 1}.weight"))?.Shape is [var width, ..])
        {
            stem.Add((int)width);
        }
        var config = new ControlNetConfig
        {
            InChannels = trunk.Input,
            ConditioningChannels = (int)colors,
            DownBlockTypes = trunk.Down,
            MidBlockType = trunk.Middle,
            BlockOutChannels = trunk.Widths,
            LayersPerBlock = trunk.Layers,
            CrossAttentionDim = trunk.Text,
            AttentionHeadDim = trunk.Heads,
            UseLinearProjection = trunk.IsLinear,
            TransformerLayersPerBlock = trunk.Layered,
            AdditionEmbedType = trunk.Added is null ? null : "text_time",
            AdditionTimeEmbedDim = trunk.Added is null ? null : XlTimeDim,
            ProjectionClassEmbeddingsInputDim = trunk.Added,
            ConditioningEmbeddingOutChannels = stem,
        };
        return ModelConfigJson.Write(config, StableDiffusionJson.Default.ControlNetConfig);
    }

    /// <summary>The autoencoder's configuration; null when the weights are not whole. XL's has the same shapes and another scale of latents.</summary>
    public static string? Vae(IWeights weights)
    {
        List<int> widths = LevelShapes.Widths(weights, level => $"encoder.down_blocks.{level}.resnets.0.conv1.weight");
        if (widths.Count == 0 || weights.Find("decoder.conv_in.weight")?.Shape is not [_, var latent, _, _])
        {
            return null;
        }
        var config = new AutoencoderKlConfig
        {
            DownBlockTypes = [.. widths.Select(_ => "DownEncoderBlock2D")],
            UpBlockTypes = [.. widths.Select(_ => "UpDecoderBlock2D")],
            BlockOutChannels = widths,
            LayersPerBlock = CountOf(weights, "encoder.down_blocks.0.resnets."),
            LatentChannels = (int)latent,
            SampleSize = 512,
        };
        return ModelConfigJson.Write(config, StableDiffusionJson.Default.AutoencoderKlConfig);
    }

    /// <summary>The autoencoder's configuration with the scale of latents that a U-Net was trained with.</summary>
    /// <param name="vae">The configuration from shapes.</param>
    /// <param name="unet">The U-Net's.</param>
    public static string VaeBeside(string vae, ConfigText unet)
    {
        if (NetworkCatalog.ClassNameOf(unet) != UNet2DConditionConfig.Name || UNet2DConditionConfig.Read(unet).AdditionEmbedType is null)
        {
            return vae;
        }
        var shapes = ModelConfigJson.Read(Encoding.UTF8.GetBytes(vae), StableDiffusionJson.Default.AutoencoderKlConfig, AutoencoderKlConfig.Name);
        return ModelConfigJson.Write(shapes with { SampleSize = 1024, ScalingFactor = XlScaling }, StableDiffusionJson.Default.AutoencoderKlConfig);
    }

    private static Trunk? TrunkOf(IWeights weights)
    {
        const string Context = "transformer_blocks.0.attn2.to_k.weight", Middle = "mid_block.attentions.0.";
        if (weights.Find("conv_in.weight")?.Shape is not [_, var input, _, _])
        {
            return null;
        }
        List<int> widths = LevelShapes.Widths(weights, level => $"down_blocks.{level}.resnets.0.conv1.weight");
        if (widths.Count == 0)
        {
            return null;
        }
        string[] attentions = [.. widths.Select((_, level) => KeyMap.Name($"down_blocks.{level}.attentions.0.")), Middle];
        bool[] attends = [.. attentions.Select(a => weights.Find(a + Context) is not null)];
        int? added = weights.Find("add_embedding.linear_1.weight")?.Shape is [_, var size] ? (int)size : null;
        int first = Array.IndexOf(attends, true);
        int? text = first >= 0 ? (int)weights.Find(attentions[first] + Context)!.Shape[1] : added switch { RefinerAdded => RefinerText, > 0 => XlText, _ => null };
        if (text is not { } reads)
        {
            return null;
        }
        int[] depth = [.. attentions.Select((a, i) => attends[i] ? CountOf(weights, a + "transformer_blocks.") : 1)];
        // The middle is as deep as the last level.
        if (!attends[widths.Count - 1])
        {
            depth[widths.Count - 1] = depth[widths.Count];
        }
        bool isLinear = first >= 0 ? weights.Find(attentions[first] + "proj_in.weight")?.Shape.Count == 2 : added is not null;
        return new Trunk((int)input, [.. widths], CountOf(weights, "down_blocks.0.resnets."), attends[..^1], attends[^1], depth[..^1], isLinear, reads, added);
    }

    private static int CountOf(IWeights weights, string prefix) =>
        weights.Names.Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).Select(n => DialectRecognition.Number(n[prefix.Length..], 0)).DefaultIfEmpty(-1).Max() + 1;
}
