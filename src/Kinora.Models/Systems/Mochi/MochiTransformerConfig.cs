using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.Mochi;

/// <summary>The <c>transformer/config.json</c> of Mochi 1 in diffusers' words.</summary>
public sealed record MochiTransformerConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "MochiTransformer3DModel";

    /// <summary>Values of keys that published files leave out (huggingface/diffusers 03002a91, transformer_mochi.py).</summary>
    public const string Defaults = """
        {"patch_size": 2, "num_attention_heads": 24, "attention_head_dim": 128, "num_layers": 48, "pooled_projection_dim": 1536, "in_channels": 12,
         "out_channels": null, "qk_norm": "rms_norm", "text_embed_dim": 4096, "time_embed_dim": 256, "activation_fn": "swiglu", "max_sequence_length": 256}
        """;

    [JsonPropertyName("_class_name")] public required string ClassName { get; init; }
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    /// <summary>Latents of a token's side.</summary>
    public required int PatchSize { get; init; }
    public required int NumAttentionHeads { get; init; }
    public required int AttentionHeadDim { get; init; }
    public required int NumLayers { get; init; }
    /// <summary>Width of the text's stream.</summary>
    public required int PooledProjectionDim { get; init; }
    public required int InChannels { get; init; }
    /// <summary>Channels that leave; those that enter when null.</summary>
    public required int? OutChannels { get; init; }
    public required string QkNorm { get; init; }
    public required int TextEmbedDim { get; init; }
    /// <summary>Width of the timestep's phases.</summary>
    public required int TimeEmbedDim { get; init; }
    public required string ActivationFn { get; init; }
    public required int MaxSequenceLength { get; init; }

    /// <summary>The published preview.</summary>
    public static MochiTransformerConfig Published { get; } = ModelConfigJson.Read("""{"_class_name": "MochiTransformer3DModel"}"""u8, MochiJson.Default.MochiTransformerConfig, Name, Defaults);

    /// <summary>Width of the video's stream.</summary>
    [JsonIgnore] public int Dim => NumAttentionHeads * AttentionHeadDim;

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("Mochi transformer config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        foreach (var (key, value) in new[] { ("patch_size", PatchSize), ("num_attention_heads", NumAttentionHeads), ("attention_head_dim", AttentionHeadDim), ("num_layers", NumLayers),
            ("pooled_projection_dim", PooledProjectionDim), ("in_channels", InChannels), ("text_embed_dim", TextEmbedDim), ("time_embed_dim", TimeEmbedDim), ("max_sequence_length", MaxSequenceLength) })
            violations.RequirePositive(key, value);
        violations.Require(OutChannels is null or > 0, $"`out_channels` must be positive or null, got {OutChannels}");
        violations.Require(AttentionHeadDim % 2 == 0, $"`attention_head_dim` must be even, got {AttentionHeadDim}");
        violations.Require(TextEmbedDim % MochiTransformer.PoolHeads == 0, $"`text_embed_dim` must be a multiple of {MochiTransformer.PoolHeads}, got {TextEmbedDim}");
        violations.Require(QkNorm == "rms_norm", $"`qk_norm` must be rms_norm, got \"{QkNorm}\"");
        violations.Require(ActivationFn == "swiglu", $"`activation_fn` must be swiglu, got \"{ActivationFn}\"");
        violations.ThrowIfAny();
    }
}
