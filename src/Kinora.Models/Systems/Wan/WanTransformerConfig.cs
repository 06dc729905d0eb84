using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.Wan;

/// <summary>The <c>transformer/config.json</c> of Wan 2.1 and 2.2 in diffusers' words.</summary>
public sealed record WanTransformerConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "WanTransformer3DModel";

    /// <summary>Values of keys that published files leave out (huggingface/diffusers d035dcd7, transformer_wan.py).</summary>
    public const string Defaults = """
        {"patch_size": [1, 2, 2], "in_channels": 16, "out_channels": 16, "text_dim": 4096, "freq_dim": 256, "cross_attn_norm": true,
         "qk_norm": "rms_norm_across_heads", "eps": 1e-6, "image_dim": null, "added_kv_proj_dim": null, "rope_max_seq_len": 1024, "pos_embed_seq_len": null}
        """;

    private const string AcrossHeads = "rms_norm_across_heads";

    [JsonPropertyName("_class_name")] public required string ClassName { get; init; }
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    /// <summary>Latent frames, rows and columns in one token.</summary>
    public required IReadOnlyList<int> PatchSize { get; init; }
    public required int NumAttentionHeads { get; init; }
    public required int AttentionHeadDim { get; init; }
    /// <summary>Channels that enter: those of the noisy latents, and for image-to-video those of mask and condition.</summary>
    public required int InChannels { get; init; }
    /// <summary>Channels of the predicted velocity.</summary>
    public required int OutChannels { get; init; }
    /// <summary>Width of the text encoder's output.</summary>
    public required int TextDim { get; init; }
    /// <summary>Width of the sinusoidal embedding of the timestep.</summary>
    public required int FreqDim { get; init; }
    /// <summary>Hidden width of the feed-forward network.</summary>
    public required int FfnDim { get; init; }
    public required int NumLayers { get; init; }
    /// <summary>Whether the query input of cross-attention is normalized.</summary>
    public required bool CrossAttnNorm { get; init; }
    /// <summary>"rms_norm_across_heads": the only query-key norm that was published.</summary>
    public required string QkNorm { get; init; }
    /// <summary>Epsilon of the norms.</summary>
    public required double Eps { get; init; }
    /// <summary>Width of the image encoder's output; null without one.</summary>
    public required int? ImageDim { get; init; }
    /// <summary>Width of the image tokens as the blocks attend to them: the model's width, or null without an image encoder.</summary>
    public required int? AddedKvProjDim { get; init; }
    /// <summary>The longest axis that the reference tabulates angles for; angles here have no limit.</summary>
    public required int RopeMaxSeqLen { get; init; }
    /// <summary>Image tokens with a learned position (first and last frame together); null without.</summary>
    public required int? PosEmbedSeqLen { get; init; }

    /// <summary>Wan 2.1 T2V of 1.3 billion parameters.</summary>
    public static WanTransformerConfig TextToVideo1B { get; } = new()
    {
        ClassName = Name, PatchSize = [1, 2, 2], NumAttentionHeads = 12, AttentionHeadDim = 128, InChannels = 16, OutChannels = 16, TextDim = 4096,
        FreqDim = 256, FfnDim = 8960, NumLayers = 30, CrossAttnNorm = true, QkNorm = AcrossHeads, Eps = 1e-6, ImageDim = null, AddedKvProjDim = null,
        RopeMaxSeqLen = 1024, PosEmbedSeqLen = null,
    };

    /// <summary>Wan 2.1 T2V of 14 billion parameters, and each expert of Wan 2.2 T2V-A14B.</summary>
    public static WanTransformerConfig TextToVideo14B { get; } = TextToVideo1B with { NumAttentionHeads = 40, FfnDim = 13824, NumLayers = 40 };

    /// <summary>Wan 2.1 I2V of 14 billion parameters.</summary>
    public static WanTransformerConfig ImageToVideo14B { get; } = TextToVideo14B with { InChannels = 36, ImageDim = 1280, AddedKvProjDim = 5120 };

    /// <summary>Wan 2.1 FLF2V of 14 billion parameters: first and last frame.</summary>
    public static WanTransformerConfig FirstLastFrame14B { get; } = ImageToVideo14B with { PosEmbedSeqLen = 514 };

    /// <summary>Each expert of Wan 2.2 I2V-A14B, which sees the image through its latents alone.</summary>
    public static WanTransformerConfig ImageToVideoA14B { get; } = TextToVideo14B with { InChannels = 36 };

    /// <summary>Wan 2.2 TI2V of 5 billion parameters.</summary>
    public static WanTransformerConfig TextImageToVideo5B { get; } = TextToVideo1B with
    {
        NumAttentionHeads = 24, InChannels = 48, OutChannels = 48, FfnDim = 14336,
    };

    /// <summary>Width of the residual stream.</summary>
    [JsonIgnore] public int HiddenSize => NumAttentionHeads * AttentionHeadDim;
    /// <summary>Latent values that enter with one token.</summary>
    [JsonIgnore] public int PatchDim => InChannels * PatchSize[0] * PatchSize[1] * PatchSize[2];
    /// <summary>Latent values that one token predicts.</summary>
    [JsonIgnore] public int OutPatchDim => OutChannels * PatchSize[0] * PatchSize[1] * PatchSize[2];

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("Wan transformer config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.Require(PatchSize.Count == 3 && PatchSize.All(p => p > 0), "`patch_size` must be three positive numbers (frames, rows, columns)");
        violations.RequirePositive("num_attention_heads", NumAttentionHeads);
        violations.Require(AttentionHeadDim >= 6 && AttentionHeadDim % 2 == 0, $"`attention_head_dim` must be even and at least 6, got {AttentionHeadDim}");
        violations.RequirePositive("in_channels", InChannels);
        violations.RequirePositive("out_channels", OutChannels);
        violations.RequirePositive("text_dim", TextDim);
        violations.Require(FreqDim > 0 && FreqDim % 2 == 0, $"`freq_dim` must be even and positive, got {FreqDim}");
        violations.RequirePositive("ffn_dim", FfnDim);
        violations.RequirePositive("num_layers", NumLayers);
        violations.Require(QkNorm == AcrossHeads, $"`qk_norm` must be \"{AcrossHeads}\", got \"{QkNorm}\"");
        violations.Require(Eps > 0, $"`eps` must be positive, got {Eps}");
        violations.Require(ImageDim is null or > 0, $"`image_dim` must be positive or null, got {ImageDim}");
        violations.Require(AddedKvProjDim is null || AddedKvProjDim == HiddenSize, $"`added_kv_proj_dim` must be null or the model's width {HiddenSize}, got {AddedKvProjDim}");
        violations.Require(ImageDim is null == AddedKvProjDim is null, "`image_dim` and `added_kv_proj_dim` must be given together");
        violations.Require(PosEmbedSeqLen is null || (ImageDim is not null && PosEmbedSeqLen > 0 && PosEmbedSeqLen % 2 == 0), "`pos_embed_seq_len` must be even and needs `image_dim`");
        violations.ThrowIfAny();
    }
}
