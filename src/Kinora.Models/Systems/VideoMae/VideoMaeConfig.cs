using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Text;

namespace Kinora.Models.Systems.VideoMae;

/// <summary>The <c>config.json</c> of a VideoMAE encoder. Defaults are those of transformers' VideoMAEConfig.</summary>
public sealed record VideoMaeConfig : TransformersConfig
{
    /// <summary>Side of the square frames in pixels.</summary>
    public int ImageSize { get; set; } = 224;
    /// <summary>Side of a patch in pixels.</summary>
    public int PatchSize { get; set; } = 16;
    public int NumChannels { get; set; } = 3;
    public int NumFrames { get; set; } = 16;
    /// <summary>Frames of a patch.</summary>
    public int TubeletSize { get; set; } = 2;
    public int HiddenSize { get; set; } = 768;
    public int NumHiddenLayers { get; set; } = 12;
    public int NumAttentionHeads { get; set; } = 12;
    public int IntermediateSize { get; set; } = 3072;
    public string HiddenAct { get; set; } = "gelu";
    public double LayerNormEps { get; set; } = 1e-12;
    public bool QkvBias { get; set; } = true;
    /// <summary>Whether classification norms the mean of all tokens; without it the encoder ends with a norm of its own.</summary>
    public bool UseMeanPooling { get; set; } = true;
    public double HiddenDropoutProb { get; set; }
    public double AttentionProbsDropoutProb { get; set; }
    public double InitializerRange { get; set; } = 0.02;
    /// <summary>The decoder of pretraining; no feature comes from it.</summary>
    public JsonElement? DecoderNumAttentionHeads { get; set; }
    public JsonElement? DecoderHiddenSize { get; set; }
    public JsonElement? DecoderNumHiddenLayers { get; set; }
    public JsonElement? DecoderIntermediateSize { get; set; }
    public JsonElement? NormPixLoss { get; set; }

    /// <summary>Patches of a clip.</summary>
    public int NumPatches => ImageSize / PatchSize * (ImageSize / PatchSize) * (NumFrames / TubeletSize);

    /// <summary>Throws <see cref="Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("VideoMAE config");
        violations.RequirePositive("num_channels", NumChannels);
        violations.RequirePositive("patch_size", PatchSize);
        violations.RequirePositive("tubelet_size", TubeletSize);
        violations.Require(ImageSize >= PatchSize, $"`image_size` must be at least `patch_size` ({PatchSize}), got {ImageSize}");
        violations.Require(NumFrames >= TubeletSize, $"`num_frames` must be at least `tubelet_size` ({TubeletSize}), got {NumFrames}");
        ClipTransformer.Require(violations, HiddenSize, IntermediateSize, NumHiddenLayers, NumAttentionHeads, HiddenAct, LayerNormEps);
        violations.ThrowIfAny();
    }
}

/// <summary>Source-generated JSON of the configuration. Bind through <see cref="ModelConfigJson"/>, which is strict.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true, WriteIndented = true)]
[JsonSerializable(typeof(VideoMaeConfig))]
public sealed partial class VideoMaeJson : JsonSerializerContext;
