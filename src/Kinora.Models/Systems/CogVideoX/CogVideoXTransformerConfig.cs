using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.CogVideoX;

/// <summary>The <c>transformer/config.json</c> of CogVideoX in diffusers' words.</summary>
public sealed record CogVideoXTransformerConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "CogVideoXTransformer3DModel";

    /// <summary>Values of keys that published files leave out (huggingface/diffusers d035dcd7, cogvideox_transformer_3d.py).</summary>
    public const string Defaults = """
        {"num_attention_heads": 30, "attention_head_dim": 64, "in_channels": 16, "out_channels": 16, "flip_sin_to_cos": true, "freq_shift": 0,
         "time_embed_dim": 512, "ofs_embed_dim": null, "text_embed_dim": 4096, "num_layers": 30, "dropout": 0.0, "attention_bias": true,
         "sample_width": 90, "sample_height": 60, "sample_frames": 49, "patch_size": 2, "patch_size_t": null, "temporal_compression_ratio": 4,
         "max_text_seq_length": 226, "activation_fn": "gelu-approximate", "timestep_activation_fn": "silu", "norm_elementwise_affine": true,
         "norm_eps": 1e-5, "spatial_interpolation_scale": 1.875, "temporal_interpolation_scale": 1.0,
         "use_rotary_positional_embeddings": false, "use_learned_positional_embeddings": false, "patch_bias": true}
        """;

    [JsonPropertyName("_class_name")] public required string ClassName { get; init; }
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    public required int NumAttentionHeads { get; init; }
    public required int AttentionHeadDim { get; init; }
    /// <summary>Channels that enter: those of the latents, and for image to video as many again for the image.</summary>
    public required int InChannels { get; init; }
    public required int OutChannels { get; init; }
    public required bool FlipSinToCos { get; init; }
    public required double FreqShift { get; init; }
    public required int TimeEmbedDim { get; init; }
    /// <summary>Width of the embedding of the offset that version 1.5's image to video takes; null without.</summary>
    public required int? OfsEmbedDim { get; init; }
    public required int TextEmbedDim { get; init; }
    public required int NumLayers { get; init; }
    /// <summary>Of training; not used here.</summary>
    public required double Dropout { get; init; }
    /// <summary>Whether queries, keys and values have biases.</summary>
    public required bool AttentionBias { get; init; }
    /// <summary>Size of the training clips in latents: base of the position grids.</summary>
    public required int SampleWidth { get; init; }
    /// <inheritdoc cref="SampleWidth"/>
    public required int SampleHeight { get; init; }
    /// <summary>Length of the training clips in frames.</summary>
    public required int SampleFrames { get; init; }
    /// <summary>Latents of a token's side.</summary>
    public required int PatchSize { get; init; }
    /// <summary>Latent frames of a token (version 1.5); null for one, with another layer for patches.</summary>
    public required int? PatchSizeT { get; init; }
    /// <summary>Frames of a latent frame.</summary>
    public required int TemporalCompressionRatio { get; init; }
    public required int MaxTextSeqLength { get; init; }
    public required string ActivationFn { get; init; }
    public required string TimestepActivationFn { get; init; }
    public required bool NormElementwiseAffine { get; init; }
    public required double NormEps { get; init; }
    public required double SpatialInterpolationScale { get; init; }
    public required double TemporalInterpolationScale { get; init; }
    public required bool UseRotaryPositionalEmbeddings { get; init; }
    /// <summary>Whether positions are stored with the weights (image to video).</summary>
    public required bool UseLearnedPositionalEmbeddings { get; init; }
    public required bool PatchBias { get; init; }

    /// <summary>CogVideoX-2B.</summary>
    public static CogVideoXTransformerConfig TwoB { get; } = ModelConfigJson.Read("""{"_class_name": "CogVideoXTransformer3DModel"}"""u8, CogVideoXJson.Default.CogVideoXTransformerConfig, Name, Defaults);

    /// <summary>CogVideoX-5B.</summary>
    public static CogVideoXTransformerConfig FiveB { get; } = TwoB with { NumAttentionHeads = 48, NumLayers = 42, UseRotaryPositionalEmbeddings = true };

    /// <summary>CogVideoX-1.5-5B (huggingface/diffusers, scripts/convert_cogvideox_to_diffusers.py, version 1.5).</summary>
    public static CogVideoXTransformerConfig FiveB15 { get; } = FiveB with { PatchSizeT = 2, PatchBias = false, SampleWidth = 300, SampleHeight = 300, SampleFrames = 81 };

    /// <summary>Width of the network.</summary>
    [JsonIgnore] public int Dim => NumAttentionHeads * AttentionHeadDim;

    /// <summary>Latent frames of a token.</summary>
    [JsonIgnore] public int PatchFrames => PatchSizeT ?? 1;

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("CogVideoX transformer config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        foreach (var (key, value) in new[] { ("num_attention_heads", NumAttentionHeads), ("attention_head_dim", AttentionHeadDim), ("in_channels", InChannels), ("out_channels", OutChannels),
            ("time_embed_dim", TimeEmbedDim), ("text_embed_dim", TextEmbedDim), ("num_layers", NumLayers), ("sample_width", SampleWidth), ("sample_height", SampleHeight), ("sample_frames", SampleFrames),
            ("patch_size", PatchSize), ("temporal_compression_ratio", TemporalCompressionRatio), ("max_text_seq_length", MaxTextSeqLength) })
            violations.RequirePositive(key, value);
        violations.Require(PatchSizeT is null or > 0, $"`patch_size_t` must be positive or null, got {PatchSizeT}");
        violations.Require(OfsEmbedDim is null || OfsEmbedDim == TimeEmbedDim, $"`ofs_embed_dim` must be null or `time_embed_dim` ({TimeEmbedDim}), to which it is added, got {OfsEmbedDim}");
        violations.Require(Dim % 16 == 0, $"`num_attention_heads` × `attention_head_dim` must be a multiple of 16, which positions over three axes need, got {Dim}");
        violations.Require(!UseRotaryPositionalEmbeddings || AttentionHeadDim % 16 == 0, $"`attention_head_dim` must be a multiple of 16 with rotary positions, got {AttentionHeadDim}");
        violations.Require(ActivationFn is "gelu-approximate" or "gelu", $"`activation_fn` must be gelu-approximate or gelu, got \"{ActivationFn}\"");
        violations.Require(TimestepActivationFn == "silu", $"`timestep_activation_fn` must be silu, got \"{TimestepActivationFn}\"");
        violations.Require(NormEps > 0, $"`norm_eps` must be positive, got {NormEps}");
        violations.Require(SpatialInterpolationScale > 0 && TemporalInterpolationScale > 0, "`spatial_interpolation_scale` and `temporal_interpolation_scale` must be positive");
        violations.ThrowIfAny();
    }
}
