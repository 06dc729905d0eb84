using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.HunyuanVideo;

/// <summary>The <c>transformer/config.json</c> of HunyuanVideo in diffusers' words.</summary>
public sealed record HunyuanVideoTransformerConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "HunyuanVideoTransformer3DModel";

    /// <summary>Values of keys that published files leave out (huggingface/diffusers d035dcd7, transformer_hunyuan_video.py).</summary>
    public const string Defaults = """
        {"in_channels": 16, "out_channels": 16, "num_attention_heads": 24, "attention_head_dim": 128, "num_layers": 20, "num_single_layers": 40,
         "num_refiner_layers": 2, "mlp_ratio": 4.0, "patch_size": 2, "patch_size_t": 1, "qk_norm": "rms_norm", "guidance_embeds": true,
         "text_embed_dim": 4096, "pooled_projection_dim": 768, "rope_theta": 256.0, "rope_axes_dim": [16, 56, 56], "image_condition_type": null}
        """;

    [JsonPropertyName("_class_name")] public required string ClassName { get; init; }
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    public required int InChannels { get; init; }
    public required int OutChannels { get; init; }
    public required int NumAttentionHeads { get; init; }
    public required int AttentionHeadDim { get; init; }
    /// <summary>Blocks with separate weights for text and video.</summary>
    public required int NumLayers { get; init; }
    /// <summary>Blocks with common weights.</summary>
    public required int NumSingleLayers { get; init; }
    /// <summary>Blocks that refine the text.</summary>
    public required int NumRefinerLayers { get; init; }
    public required double MlpRatio { get; init; }
    /// <summary>Latents of a token's side.</summary>
    public required int PatchSize { get; init; }
    /// <summary>Latent frames of a token.</summary>
    public required int PatchSizeT { get; init; }
    public required string QkNorm { get; init; }
    /// <summary>Whether the guidance scale is an input, which distillation taught the network.</summary>
    public required bool GuidanceEmbeds { get; init; }
    public required int TextEmbedDim { get; init; }
    public required int PooledProjectionDim { get; init; }
    public required double RopeTheta { get; init; }
    /// <summary>Channels of a head that turn with the frame, the row and the column.</summary>
    public required IReadOnlyList<int> RopeAxesDim { get; init; }
    public required string? ImageConditionType { get; init; }

    /// <summary>The published text-to-video model.</summary>
    public static HunyuanVideoTransformerConfig Published { get; } =
        ModelConfigJson.Read("""{"_class_name": "HunyuanVideoTransformer3DModel"}"""u8, HunyuanVideoJson.Default.HunyuanVideoTransformerConfig, Name, Defaults);

    /// <summary>Width of the network.</summary>
    [JsonIgnore] public int Dim => NumAttentionHeads * AttentionHeadDim;

    /// <summary>Width inside a perceptron.</summary>
    [JsonIgnore] public int HiddenDim => (int)(Dim * MlpRatio);

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("HunyuanVideo transformer config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        foreach (var (key, value) in new[] { ("in_channels", InChannels), ("out_channels", OutChannels), ("num_attention_heads", NumAttentionHeads), ("attention_head_dim", AttentionHeadDim),
            ("num_layers", NumLayers), ("num_single_layers", NumSingleLayers), ("num_refiner_layers", NumRefinerLayers), ("patch_size", PatchSize), ("patch_size_t", PatchSizeT),
            ("text_embed_dim", TextEmbedDim), ("pooled_projection_dim", PooledProjectionDim) })
            violations.RequirePositive(key, value);
        violations.Require(MlpRatio > 0, $"`mlp_ratio` must be positive, got {MlpRatio}");
        violations.Require(QkNorm == "rms_norm", $"`qk_norm` must be rms_norm, got \"{QkNorm}\"");
        violations.Require(RopeTheta > 1, $"`rope_theta` must exceed 1, got {RopeTheta}");
        violations.Require(RopeAxesDim.Count == 3 && RopeAxesDim.All(d => d > 0 && d % 2 == 0) && RopeAxesDim.Sum() == AttentionHeadDim, $"`rope_axes_dim` must be three even numbers that add up to `attention_head_dim` ({AttentionHeadDim})");
        violations.Require(ImageConditionType is null, $"`image_condition_type` must be null: image-conditioned HunyuanVideo is not supported, got \"{ImageConditionType}\"");
        violations.ThrowIfAny();
    }
}
