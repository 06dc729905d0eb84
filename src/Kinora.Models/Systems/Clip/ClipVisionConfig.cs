using Kinora.Models.Text;

namespace Kinora.Models.Systems.Clip;

/// <summary>The <c>config.json</c> of a CLIP image encoder. Defaults are those of transformers' CLIPVisionConfig, which writes only what differs.</summary>
public sealed record ClipVisionConfig : TransformersConfig
{
    public int HiddenSize { get; set; } = 768;
    public int IntermediateSize { get; set; } = 3072;
    /// <summary>Width of the space that text and images share.</summary>
    public int ProjectionDim { get; set; } = 512;
    public int NumHiddenLayers { get; set; } = 12;
    public int NumAttentionHeads { get; set; } = 12;
    public int NumChannels { get; set; } = 3;
    /// <summary>Side of the square image in pixels.</summary>
    public int ImageSize { get; set; } = 224;
    /// <summary>Side of a patch in pixels.</summary>
    public int PatchSize { get; set; } = 32;
    public string HiddenAct { get; set; } = "quick_gelu";
    public double LayerNormEps { get; set; } = 1e-5;
    public double AttentionDropout { get; set; }
    public double Dropout { get; set; }
    public double InitializerRange { get; set; } = 0.02;
    public double InitializerFactor { get; set; } = 1;
    public int? PadTokenId { get; set; }
    public int? BosTokenId { get; set; }
    public int? EosTokenId { get; set; }

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("CLIP vision config");
        violations.RequirePositive("num_channels", NumChannels);
        violations.RequirePositive("patch_size", PatchSize);
        violations.Require(ImageSize >= PatchSize, $"`image_size` must be at least `patch_size` ({PatchSize}), got {ImageSize}");
        violations.RequirePositive("projection_dim", ProjectionDim);
        ClipTransformer.Require(violations, HiddenSize, IntermediateSize, NumHiddenLayers, NumAttentionHeads, HiddenAct, LayerNormEps);
        violations.ThrowIfAny();
    }
}
