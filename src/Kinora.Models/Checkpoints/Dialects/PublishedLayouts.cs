// The layout that the authors of a network published it in, by the network's class.

using Kinora.Engine.Checkpoints;

namespace Kinora.Models.Checkpoints.Dialects;

/// <summary>Finds the rename table of a network whose weights are under our names.</summary>
public static class PublishedLayouts
{
    private const string UNetPrefix = "model.diffusion_model.", VaePrefix = "first_stage_model.", TextPrefix = "cond_stage_model.transformer.", ControlPrefix = "control_model.";
    private const string XlTextPrefix = "conditioner.embedders.0.transformer.", XlText2Prefix = "conditioner.embedders.1.model.", RefinerTextPrefix = "conditioner.embedders.0.model.", PicturePrefix = "conditioner.embedders.0.open_clip.model.visual.", LtxVaePrefix = "vae.";

    /// <summary>The table, and what stands before the names in the authors' file; null when no other layout is known.</summary>
    /// <param name="className">The class of the network's configuration.</param>
    /// <param name="weights">Its weights: tables depend on the number of levels and layers.</param>
    public static (string Prefix, KeyMap Map)? Find(string? className, IWeights weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        int Levels(string side) => weights.Names.Where(n => n.StartsWith(side, StringComparison.Ordinal)).Select(n => DialectRecognition.Number(n[side.Length..], 0)).DefaultIfEmpty(-1).Max() + 1;
        int Resnets(string side) => Levels(side + "0.resnets.");
        return className switch
        {
            "UNet2DConditionModel" => (UNetPrefix, CompVisKeys.UNet(Levels("down_blocks."), Resnets("down_blocks."), level => weights.Names.Any(n => n.StartsWith(KeyMap.Name($"down_blocks.{level}.attentions."), StringComparison.Ordinal)))),
            "UNetSpatioTemporalConditionModel" => (UNetPrefix, VideoDiffusionKeys.UNet(Levels("down_blocks."), Resnets("down_blocks."), level => weights.Names.Any(n => n.StartsWith(KeyMap.Name($"down_blocks.{level}.attentions."), StringComparison.Ordinal)))),
            "AutoencoderKLTemporalDecoder" => (VaePrefix, VideoDiffusionKeys.Vae(Levels("encoder.down_blocks."))),
            "ControlNetModel" => (ControlPrefix, CompVisKeys.ControlNet(Levels("down_blocks."), Resnets("down_blocks."))),
            "AutoencoderKL" => (VaePrefix, CompVisKeys.Vae(Levels("encoder.down_blocks."))),
            "CLIPTextModel" => (TextPrefix, new KeyMap([new("text_model.{*}", "text_model.{*}")])),
            "WanTransformer3DModel" => ("", WanKeys.Transformer),
            "AutoencoderKLWan" when weights.Find("encoder.down_blocks.0.conv1.weight") is not null => ("", WanKeys.Vae21(Levels("decoder.up_blocks."), Levels("decoder.up_blocks.0.resnets.") - 1)),
            "AutoencoderKLWan" => ("", WanKeys.Vae22(Levels("decoder.up_blocks."), Resnets("encoder.down_blocks."))),
            "UMT5EncoderModel" => ("", WanKeys.TextEncoder),
            "LTXVideoTransformer3DModel" => (UNetPrefix, LtxKeys.Transformer),
            "AutoencoderKLLTXVideo" => (LtxVaePrefix, LtxKeys.Vae(LtxVersion(weights))),
            "CLIPTextModelWithProjection" => (XlText2Prefix, OpenClipKeys.Text(null)),
            "CLIPVisionModel" => ("", OpenClipKeys.WanVision),
            "CLIPVisionModelWithProjection" => (PicturePrefix, OpenClipKeys.Vision),
            "CogVideoXTransformer3DModel" => ("", CogVideoXKeys.Transformer),
            "AutoencoderKLCogVideoX" => ("", CogVideoXKeys.Vae(Levels("encoder.down_blocks."))),
            "MotionAdapter" => ("", MotionModuleKeys.Adapter),
            _ => null,
        };
    }

    /// <summary>What stands before the names of a network in the authors' file of a whole model.</summary>
    /// <param name="className">The network's class.</param>
    /// <param name="prefix">What stands before them in the usual file.</param>
    /// <param name="others">The classes of all networks of the file.</param>
    public static string PrefixBeside(string className, string prefix, IReadOnlyCollection<string> others) =>
        // XL has two text encoders.
        className == "CLIPTextModel" && others.Contains("CLIPTextModelWithProjection") ? XlTextPrefix
        // And its refiner the second alone.
        : className == "CLIPTextModelWithProjection" && others.Contains("UNet2DConditionModel") && !others.Contains("CLIPTextModel") ? RefinerTextPrefix : prefix;

    // From 0.9.1 on the decoder takes a noise level; from 0.9.5 on stages of the encoder widen without a convolution.
    private static LtxVaeVersion LtxVersion(IWeights weights) =>
        !weights.Names.Any(n => n.StartsWith("decoder.time_embedder.", StringComparison.Ordinal)) ? LtxVaeVersion.V090
        : weights.Names.Any(n => n.StartsWith("encoder.down_blocks.0.conv_out.", StringComparison.Ordinal)) ? LtxVaeVersion.V091 : LtxVaeVersion.V095;
}
