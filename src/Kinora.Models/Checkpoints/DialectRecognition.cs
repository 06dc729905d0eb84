// What a file of weights is, from the names and shapes of its tensors.

using Kinora.Engine.Checkpoints;
using Kinora.Models.Checkpoints.Dialects;
using Kinora.Models.Systems.CogVideoX;
using Kinora.Models.Systems.Ltx;
using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models.Systems.StableVideoDiffusion;
using Kinora.Models.Systems.Wan;

namespace Kinora.Models.Checkpoints;

/// <summary>Finds the networks of a file by tensors that only they have.</summary>
public static class DialectRecognition
{
    private const string Diffusion = "model.diffusion_model.", FirstStage = "first_stage_model.", Sd1Text = "cond_stage_model.transformer.", Sd2Text = "cond_stage_model.model.";
    private const string XlText1 = "conditioner.embedders.0.transformer.", XlText2 = "conditioner.embedders.1.model.", RefinerText = "conditioner.embedders.0.model.", ControlPrefix = "control_model.", VideoImage = "conditioner.embedders.0.open_clip.model.visual.";

    // Of SD training, in every original file: what is no parameter.
    private static readonly string[] TrainingNames = ["betas", "alphas_cumprod", "sqrt_", "log_one_minus", "posterior_", "lvlb_weights", "model_ema.", "scale_factor", "logvar", "denoiser.", "alphas_cumprod_prev", "scale_shift", "model_sampling."];

    private const string VideoDiffusion = "Stable Video Diffusion", Generative = "Stability's generative-models", Transformers = "transformers";

    private const string PictureScale = "the scale of the latents, which is another in Stable Diffusion XL", VideoScale = "the scale of the latents, which differs between CogVideoX-2B and 5B";

    private static readonly string[] Prefixes = ["", Diffusion, "diffusion_model.", "model.", "module.", "transformer.", "net."];

    /// <summary>The networks of a file, by their published names; none when nothing is known.</summary>
    /// <param name="file">The file's tensors; it must outlive what is returned.</param>
    /// <returns>The components, and tensors that belong to none of them and were not left out on purpose.</returns>
    public static (IReadOnlyList<FoundComponent> Components, IReadOnlyList<string> Strays) Recognize(IWeights file)
    {
        ArgumentNullException.ThrowIfNull(file);
        IWeights weights = ScaledWeights.Of(file);
        var found = new List<FoundComponent>();
        found.AddRange(FindDenoisers(weights));
        found.AddRange(FindAutoencoders(weights));
        found.AddRange(FindTextEncoders(weights, found));
        string[] prefixes = [.. found.Select(f => f.Prefix).Distinct()];
        string[] strays = prefixes.Contains("") ? [] : [.. weights.Names.Where(n => !Array.Exists(prefixes, p => n.StartsWith(p, StringComparison.Ordinal)) && !Array.Exists(TrainingNames, t => n.StartsWith(t, StringComparison.Ordinal))).Order(StringComparer.Ordinal)];
        return (found, strays);
    }

    /// <summary>
    /// A component of a model in a file, when its names there are not ours: under the authors' names, or beside other networks.
    /// </summary>
    /// <param name="file">The file's tensors; it must outlive what is returned.</param>
    /// <param name="component">Its folder in a diffusers model.</param>
    /// <returns>Null when the file's names are already ours, or when no layout is known.</returns>
    public static FoundComponent? FindPublished(IWeights file, string component)
    {
        ArgumentException.ThrowIfNullOrEmpty(component);
        FoundComponent? match = Match(Recognize(file).Components, component);
        return match is null || (match.Prefix.Length == 0 && (match.Map is null || match.Dialect == Transformers)) ? null : match;
    }

    /// <summary>The one of a file's networks that is a component of a model; null when there is none.</summary>
    public static FoundComponent? Match(IReadOnlyList<FoundComponent> found, string component)
    {
        ArgumentNullException.ThrowIfNull(found);
        // A file of one network does not say which of two alike it is.
        string? alike = found.Count != 1 ? null : component switch { "transformer_2" => "transformer", "text_encoder_2" => "text_encoder", _ => null };
        return found.FirstOrDefault(f => f.Name == component) ?? found.FirstOrDefault(f => f.Name == alike);
    }

    /// <summary>Whether a file holds a LoRA: low-rank changes instead of weights.</summary>
    public static bool IsLora(IWeights file)
    {
        ArgumentNullException.ThrowIfNull(file);
        return file.Names.Any(LoraNames.IsPart);
    }

    private static IEnumerable<FoundComponent> FindDenoisers(IWeights file)
    {
        if (PrefixOf(file, "input_blocks.0.0.weight", ControlPrefix) is { } ldm)
        {
            yield return Ldm(file, ldm);
            // The first ControlNets were published with the model that they control.
            if (ldm != ControlPrefix && Has(file, ControlPrefix, "input_blocks.0.0.weight"))
            {
                yield return Ldm(file, ControlPrefix);
            }
        }
        else if (PrefixOf(file, "blocks.0.self_attn.q.weight") is { } wan && Has(file, wan, "head.modulation"))
        {
            yield return Component(file, "transformer", WanTransformerConfig.Name, "Wan", "Wan (original)", WanKeys.Transformer, wan, WanShapes.Transformer);
        }
        else if (PrefixOf(file, "patchify_proj.weight") is { } ltx)
        {
            yield return Component(file, "transformer", LtxTransformerConfig.Name, "LTX-Video", "LTX-Video (original)", LtxKeys.Transformer, ltx, LtxShapes.Transformer);
        }
        else if (PrefixOf(file, "mixins.adaln_layer.adaLN_modulations.0.1.weight") is { } sat)
        {
            yield return Component(file, "transformer", "CogVideoXTransformer3DModel", "CogVideoX", "CogVideoX (SAT)", CogVideoXKeys.Transformer, sat, CogVideoXShapes.Transformer);
        }
        else if (file.Names.Any(n => n.Contains(".motion_modules.", StringComparison.Ordinal) && n.Contains(".temporal_transformer.", StringComparison.Ordinal)))
        {
            string prefix = file.Names.All(n => n.StartsWith("module.", StringComparison.Ordinal)) ? "module." : "";
            yield return Component(file, "motion_adapter", "MotionAdapter", "AnimateDiff", "AnimateDiff (original)", MotionModuleKeys.Adapter, prefix, weights => MotionShapes.Adapter(weights, file));
        }
        else if (PrefixOf(file, "condition_embedder.time_proj.weight") is { } wanOwn)
        {
            yield return Component(file, "transformer", WanTransformerConfig.Name, "Wan", "diffusers", null, wanOwn, WanShapes.Transformer);
        }
        else if (PrefixOf(file, "caption_projection.linear_1.weight") is { } ltxOwn && Has(file, ltxOwn, "time_embed.linear.weight"))
        {
            yield return Component(file, "transformer", LtxTransformerConfig.Name, "LTX-Video", "diffusers", null, ltxOwn, LtxShapes.Transformer);
        }
        else if (PrefixOf(file, "patch_embed.text_proj.weight") is { } cogOwn)
        {
            yield return Component(file, "transformer", "CogVideoXTransformer3DModel", "CogVideoX", "diffusers", null, cogOwn, CogVideoXShapes.Transformer);
        }
        else if (PrefixOf(file, "time_embedding.linear_1.weight", "unet.") is { } unet && Has(file, unet, "conv_in.weight"))
        {
            bool isSvd = file.Names.Any(n => n.Contains(".time_mixer.", StringComparison.Ordinal));
            bool is3D = !isSvd && Has(file, unet, "transformer_in.proj_in.weight");
            bool isControl = Has(file, unet, "controlnet_mid_block.weight");
            string name = isControl ? ControlNetConfig.Name : isSvd ? UNetSpatioTemporalConfig.Name : is3D ? "UNet3DConditionModel" : UNet2DConditionConfig.Name;
            string system = isSvd ? VideoDiffusion : is3D ? "ModelScope" : "Stable Diffusion";
            yield return Component(file, isControl ? "controlnet" : "unet", name, system, "diffusers", null, unet,
                isControl ? StableDiffusionShapes.ControlNet : isSvd ? VideoDiffusionShapes.UNet : is3D ? _ => null : StableDiffusionShapes.UNet);
        }
    }

    private static FoundComponent Ldm(IWeights file, string prefix)
    {
        string[] names = [.. file.Names.Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).Select(n => n[prefix.Length..])];
        bool isControl = names.Any(n => n.StartsWith("zero_convs.", StringComparison.Ordinal));
        bool isVideo = names.Any(n => n.Contains(".time_stack.", StringComparison.Ordinal));
        int[] blocks = [.. names.Where(n => n.StartsWith("input_blocks.", StringComparison.Ordinal)).Select(n => Number(n, 1)).Distinct().Order()];
        int firstHalving = names.Where(n => n.StartsWith("input_blocks.", StringComparison.Ordinal) && n.Contains(".0.op.", StringComparison.Ordinal)).Select(n => Number(n, 1)).DefaultIfEmpty(blocks[^1] + 1).Min();
        int layers = Math.Max(1, firstHalving - 1);
        int levels = blocks[^1] / (layers + 1) + 1;
        bool[] attends = [.. Enumerable.Range(0, levels).Select(level => names.Any(n => n.StartsWith(KeyMap.Name($"input_blocks.{1 + level * (layers + 1)}.1."), StringComparison.Ordinal)))];
        if (isVideo)
        {
            return Component(file, "unet", UNetSpatioTemporalConfig.Name, VideoDiffusion, Generative, VideoDiffusionKeys.UNet(levels, layers, level => attends[level]), prefix, VideoDiffusionShapes.UNet);
        }
        KeyMap map = isControl ? CompVisKeys.ControlNet(levels, layers) : CompVisKeys.UNet(levels, layers, level => attends[level]);
        return Component(file, isControl ? "controlnet" : "unet", isControl ? ControlNetConfig.Name : UNet2DConditionConfig.Name, "Stable Diffusion", "CompVis", map, prefix,
            isControl ? StableDiffusionShapes.ControlNet : StableDiffusionShapes.UNet);
    }

    private static IEnumerable<FoundComponent> FindAutoencoders(IWeights file)
    {
        if (PrefixOf(file, "decoder.mid.block_1.conv1.weight", FirstStage, "vae.") is { } ldm)
        {
            int levels = file.Names.Where(n => n.StartsWith(ldm + "encoder.down.", StringComparison.Ordinal)).Select(n => Number(n[ldm.Length..], 2)).DefaultIfEmpty(-1).Max() + 1;
            if (file.Names.Any(n => n.StartsWith(ldm, StringComparison.Ordinal) && n.Contains(".time_stack.", StringComparison.Ordinal)))
            {
                yield return Component(file, "vae", TemporalAutoencoderConfig.Name, VideoDiffusion, Generative, VideoDiffusionKeys.Vae(levels), ldm, VideoDiffusionShapes.Vae);
                yield break;
            }
            yield return Component(file, "vae", AutoencoderKlConfig.Name, "Stable Diffusion", "CompVis", CompVisKeys.Vae(levels), ldm, StableDiffusionShapes.Vae) with { Undecided = PictureScale };
        }
        else if (PrefixOf(file, "decoder.mid.block_1.conv1.conv.weight", FirstStage, "vae.") is { } sat)
        {
            int levels = file.Names.Where(n => n.StartsWith(sat + "encoder.down.", StringComparison.Ordinal)).Select(n => Number(n[sat.Length..], 2)).DefaultIfEmpty(-1).Max() + 1;
            yield return Component(file, "vae", "AutoencoderKLCogVideoX", "CogVideoX", "CogVideoX (SAT)", CogVideoXKeys.Vae(levels), sat, CogVideoXShapes.Vae) with { Undecided = VideoScale };
        }
        else if (PrefixOf(file, "encoder.downsamples.0.residual.0.gamma", "vae.") is { } wan21)
        {
            var (levels, layers) = WanShapes.Levels21(file, wan21);
            yield return Component(file, "vae", WanAutoencoderConfig.Name, "Wan", "Wan (original)", WanKeys.Vae21(levels, layers), wan21, WanShapes.Vae);
        }
        else if (PrefixOf(file, "encoder.downsamples.0.downsamples.0.residual.0.gamma", "vae.") is { } wan22)
        {
            int levels = file.Names.Where(n => n.StartsWith(wan22 + "encoder.downsamples.", StringComparison.Ordinal)).Select(n => Number(n[wan22.Length..], 2)).Max() + 1;
            int layers = file.Names.Where(n => n.StartsWith(wan22 + "encoder.downsamples.0.downsamples.", StringComparison.Ordinal) && n.Contains(".residual.", StringComparison.Ordinal)).Select(n => Number(n[wan22.Length..], 4)).Max() + 1;
            yield return Component(file, "vae", WanAutoencoderConfig.Name, "Wan", "Wan (original)", WanKeys.Vae22(levels, layers), wan22, WanShapes.Vae);
        }
        else if (PrefixOf(file, "per_channel_statistics.mean-of-means", "vae.") is { } ltx)
        {
            // 0.9.1 conditions the decoder on noise; 0.9.5 has one block fewer in the encoder.
            bool conditioned = Has(file, ltx, "decoder.last_scale_shift_table");
            bool is095 = conditioned && !file.Names.Any(n => n.StartsWith(ltx + "encoder.down_blocks.9.", StringComparison.Ordinal));
            LtxVaeVersion version = is095 ? LtxVaeVersion.V095 : conditioned ? LtxVaeVersion.V091 : LtxVaeVersion.V090;
            yield return Component(file, "vae", LtxAutoencoderConfig.Name, "LTX-Video", "LTX-Video (original)", LtxKeys.Vae(version), ltx, _ => LtxShapes.Vae(version));
        }
        else if (PrefixOf(file, "decoder.mid_block.resnets.0.conv1.conv.weight", "vae.") is { } cog && Has(file, cog, "decoder.conv_in.conv.weight") && Has(file, cog, "decoder.mid_block.resnets.0.norm1.conv_y.conv.weight"))
        {
            yield return Component(file, "vae", CogVideoXAutoencoderConfig.Name, "CogVideoX", "diffusers", null, cog, CogVideoXShapes.Vae) with { Undecided = VideoScale };
        }
        else if (PrefixOf(file, "decoder.mid_block.resnets.0.spatial_res_block.conv1.weight", "vae.") is { } temporal)
        {
            yield return Component(file, "vae", TemporalAutoencoderConfig.Name, VideoDiffusion, "diffusers", null, temporal, VideoDiffusionShapes.Vae);
        }
        else if (PrefixOf(file, "decoder.mid_block.resnets.0.conv1.weight", "vae.") is { } own && !Has(file, own, "time_embedding.linear_1.weight"))
        {
            bool isWan = Has(file, own, "decoder.norm_out.gamma");
            yield return isWan
                ? Component(file, "vae", WanAutoencoderConfig.Name, "Wan", "diffusers", null, own, WanShapes.Vae)
                : Component(file, "vae", AutoencoderKlConfig.Name, "Stable Diffusion", "diffusers", AutoencoderKl.FormerNames, own, StableDiffusionShapes.Vae) with { Undecided = PictureScale };
        }
    }

    private static IEnumerable<FoundComponent> FindTextEncoders(IWeights file, List<FoundComponent> found)
    {
        const string ClipAnchor = "text_model.encoder.layers.0.self_attn.q_proj.weight", OpenAnchor = "transformer.resblocks.0.attn.in_proj_weight";
        KeyMap clip = new([new("text_model.{*}", "text_model.{*}"), new("text_projection.weight", "text_projection.weight")], [new("text_model.embeddings.position_ids", "counts up")]);
        string first = Has(file, Sd1Text, ClipAnchor) ? Sd1Text : Has(file, XlText1, ClipAnchor) ? XlText1 : "";
        if (first.Length > 0 || (found.Count == 0 && Has(file, "", ClipAnchor)))
        {
            yield return Component(file, "text_encoder", "CLIPTextModel", "Stable Diffusion", first.Length > 0 ? "CompVis" : Transformers, clip, first, ClipShapes.Text);
        }
        if (Has(file, VideoImage, OpenAnchor))
        {
            yield return Component(file, "image_encoder", "CLIPVisionModelWithProjection", VideoDiffusion, "OpenCLIP", OpenClipKeys.Vision, VideoImage, ClipShapes.Vision);
        }
        if (Has(file, "", "visual.transformer.0.attn.to_qkv.weight") && Has(file, "", "visual.cls_embedding"))
        {
            yield return Component(file, "image_encoder", "CLIPVisionModel", "Wan", "Wan (original)", OpenClipKeys.WanVision, "", ClipShapes.Vision);
        }
        if (found.Count == 0 && Has(file, "", "vision_model.encoder.layers.0.self_attn.q_proj.weight") && !Has(file, "", ClipAnchor))
        {
            yield return Component(file, "image_encoder", Has(file, "", "visual_projection.weight") ? "CLIPVisionModelWithProjection" : "CLIPVisionModel", "CLIP", Transformers, null, "", ClipShapes.Vision);
        }
        if (Has(file, Sd2Text, OpenAnchor))
        {
            int last = file.Names.Where(n => n.StartsWith(Sd2Text + "transformer.resblocks.", StringComparison.Ordinal)).Select(n => Number(n[Sd2Text.Length..], 2)).Max();
            yield return Component(file, "text_encoder", "CLIPTextModel", "Stable Diffusion", "OpenCLIP", OpenClipKeys.Text(last), Sd2Text, ClipShapes.Text);
        }
        // The refiner of XL has the second encoder alone.
        if ((Has(file, XlText2, OpenAnchor) ? XlText2 : Has(file, RefinerText, OpenAnchor) ? RefinerText : null) is { } second)
        {
            yield return Component(file, "text_encoder_2", "CLIPTextModelWithProjection", "Stable Diffusion", "OpenCLIP", OpenClipKeys.Text(null), second, ClipShapes.Text);
        }
        if (found.Count == 0 && Has(file, "", "blocks.0.attn.q.weight") && Has(file, "", "token_embedding.weight"))
        {
            yield return Component(file, "text_encoder", "UMT5EncoderModel", "Wan", "Wan (original)", WanKeys.TextEncoder, "", T5Shapes.Encoder);
        }
        if (found.Count == 0 && Has(file, "", LlamaKeys.Anchor))
        {
            bool isUmt5 = Has(file, "", "enc.blk.1.attn_rel_b.weight");
            yield return Component(file, "text_encoder", isUmt5 ? "UMT5EncoderModel" : "T5EncoderModel", isUmt5 ? "Wan" : "T5", "llama.cpp", LlamaKeys.TextEncoder(Has(file, "", LlamaKeys.Gate)), "", T5Shapes.Encoder);
        }
        if (found.Count == 0 && Has(file, "", "encoder.block.0.layer.0.SelfAttention.q.weight"))
        {
            bool isUmt5 = T5Shapes.IsUmt5(file);
            yield return Component(file, "text_encoder", isUmt5 ? "UMT5EncoderModel" : "T5EncoderModel", isUmt5 ? "Wan" : "T5", Transformers, null, "", T5Shapes.Encoder);
        }
    }

    private static FoundComponent Component(IWeights file, string name, string className, string system, string dialect, KeyMap? map, string prefix, Func<IWeights, string?> config)
    {
        var weights = new MappedWeights(file, map ?? Identity, prefix);
        string shown = prefix == Diffusion && dialect is not ("CompVis" or "diffusers" or "CogVideoX (SAT)") ? $"{dialect}, repackaged for ComfyUI" : dialect;
        return new FoundComponent(name, className, system, shown, weights, config(weights), map, prefix);
    }

    private static KeyMap Identity { get; } = new([new("{}", "{}"), new("{}.{*}", "{}.{*}")]);

    private static string? PrefixOf(IWeights file, string anchor, params string[] more) =>
        Prefixes.Concat(more).FirstOrDefault(prefix => Has(file, prefix, anchor));

    private static bool Has(IWeights file, string prefix, string name) => file.Find(prefix + name) is not null;

    /// <summary>The number in a segment of a name; −1 when it is none.</summary>
    internal static int Number(string name, int segment) =>
        name.Split('.') is var parts && segment < parts.Length && int.TryParse(parts[segment], System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out int number) ? Math.Min(number, 1000) : -1;
}
