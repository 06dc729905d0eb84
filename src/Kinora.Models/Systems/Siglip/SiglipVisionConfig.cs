using Kinora.Models.Systems.Clip;
using Kinora.Models.Text;

namespace Kinora.Models.Systems.Siglip;

/// <summary>The <c>config.json</c> of a SigLIP image encoder. Defaults are those of transformers' SiglipVisionConfig, which writes only what differs.</summary>
public sealed record SiglipVisionConfig : TransformersConfig
{
    public int HiddenSize { get; set; } = 768;
    public int IntermediateSize { get; set; } = 3072;
    public int NumHiddenLayers { get; set; } = 12;
    public int NumAttentionHeads { get; set; } = 12;
    public int NumChannels { get; set; } = 3;
    /// <summary>Side of the square image in pixels that the positions were learned for.</summary>
    public int ImageSize { get; set; } = 224;
    /// <summary>Side of a patch in pixels.</summary>
    public int PatchSize { get; set; } = 16;
    public string HiddenAct { get; set; } = "gelu_pytorch_tanh";
    public double LayerNormEps { get; set; } = 1e-6;
    public double AttentionDropout { get; set; }
    /// <summary>Whether the weights have the pooling head.</summary>
    public bool VisionUseHead { get; set; } = true;

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("SigLIP vision config");
        violations.RequirePositive("num_channels", NumChannels);
        violations.RequirePositive("patch_size", PatchSize);
        violations.Require(ImageSize >= PatchSize, $"`image_size` must be at least `patch_size` ({PatchSize}), got {ImageSize}");
        ClipTransformer.Require(violations, HiddenSize, IntermediateSize, NumHiddenLayers, NumAttentionHeads, HiddenAct, LayerNormEps);
        violations.ThrowIfAny();
    }
}
