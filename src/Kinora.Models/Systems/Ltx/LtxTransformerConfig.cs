using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.Ltx;

/// <summary>The <c>transformer/config.json</c> of LTX-Video in diffusers' words.</summary>
public sealed record LtxTransformerConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "LTXVideoTransformer3DModel";

    /// <summary>Values of keys that published files leave out (huggingface/diffusers d035dcd7, transformer_ltx.py).</summary>
    public const string Defaults = """
        {"in_channels": 128, "out_channels": 128, "patch_size": 1, "patch_size_t": 1, "num_attention_heads": 32, "attention_head_dim": 64,
         "cross_attention_dim": 2048, "num_layers": 28, "activation_fn": "gelu-approximate", "qk_norm": "rms_norm_across_heads",
         "norm_elementwise_affine": false, "norm_eps": 1e-6, "caption_channels": 4096, "attention_bias": true, "attention_out_bias": true}
        """;

    private const string AcrossHeads = "rms_norm_across_heads", Activation = "gelu-approximate";

    [JsonPropertyName("_class_name")] public required string ClassName { get; init; }
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    /// <summary>Channels of a token: those of a latent, times those of its patch.</summary>
    public required int InChannels { get; init; }
    /// <summary>Channels of the predicted velocity.</summary>
    public required int OutChannels { get; init; }
    /// <summary>Rows and columns of latents in one token.</summary>
    public required int PatchSize { get; init; }
    /// <summary>Latent frames in one token.</summary>
    public required int PatchSizeT { get; init; }
    public required int NumAttentionHeads { get; init; }
    public required int AttentionHeadDim { get; init; }
    /// <summary>Width of the text as the blocks attend to it: the model's width.</summary>
    public required int CrossAttentionDim { get; init; }
    public required int NumLayers { get; init; }
    /// <summary>"gelu-approximate": the only activation that was published.</summary>
    public required string ActivationFn { get; init; }
    /// <summary>"rms_norm_across_heads": the only query-key norm that was published.</summary>
    public required string QkNorm { get; init; }
    /// <summary>Whether the norms of the residual stream have weights; no published model's do.</summary>
    public required bool NormElementwiseAffine { get; init; }
    /// <summary>Epsilon of the norms of the residual stream.</summary>
    public required double NormEps { get; init; }
    /// <summary>Width of the text encoder's output.</summary>
    public required int CaptionChannels { get; init; }
    /// <summary>Whether query, key and value projections have biases.</summary>
    public required bool AttentionBias { get; init; }
    /// <summary>Whether output projections have biases.</summary>
    public required bool AttentionOutBias { get; init; }

    /// <summary>LTX-Video 0.9 to 0.9.6, of 2 billion parameters.</summary>
    public static LtxTransformerConfig Video2B { get; } = new()
    {
        ClassName = Name, InChannels = 128, OutChannels = 128, PatchSize = 1, PatchSizeT = 1, NumAttentionHeads = 32, AttentionHeadDim = 64, CrossAttentionDim = 2048,
        NumLayers = 28, ActivationFn = Activation, QkNorm = AcrossHeads, NormElementwiseAffine = false, NormEps = 1e-6, CaptionChannels = 4096,
        AttentionBias = true, AttentionOutBias = true,
    };

    /// <summary>LTX-Video 0.9.7 and 0.9.8, of 13 billion parameters.</summary>
    public static LtxTransformerConfig Video13B { get; } = Video2B with { AttentionHeadDim = 128, CrossAttentionDim = 4096, NumLayers = 48 };

    /// <summary>Width of the residual stream.</summary>
    [JsonIgnore] public int HiddenSize => NumAttentionHeads * AttentionHeadDim;

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("LTX transformer config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.RequirePositive("in_channels", InChannels);
        violations.RequirePositive("out_channels", OutChannels);
        violations.RequirePositive("patch_size", PatchSize);
        violations.RequirePositive("patch_size_t", PatchSizeT);
        violations.RequirePositive("num_attention_heads", NumAttentionHeads);
        violations.RequirePositive("attention_head_dim", AttentionHeadDim);
        violations.Require(HiddenSize >= 6 && HiddenSize % 2 == 0, $"`num_attention_heads` · `attention_head_dim` must be even and at least 6, got {HiddenSize}");
        violations.Require(CrossAttentionDim == HiddenSize, $"`cross_attention_dim` must be the model's width {HiddenSize}, got {CrossAttentionDim}");
        violations.RequirePositive("num_layers", NumLayers);
        violations.Require(ActivationFn == Activation, $"`activation_fn` must be \"{Activation}\", got \"{ActivationFn}\"");
        violations.Require(QkNorm == AcrossHeads, $"`qk_norm` must be \"{AcrossHeads}\", got \"{QkNorm}\"");
        violations.Require(!NormElementwiseAffine, "`norm_elementwise_affine` must be false: no published model has weights there");
        violations.Require(NormEps > 0, $"`norm_eps` must be positive, got {NormEps}");
        violations.RequirePositive("caption_channels", CaptionChannels);
        violations.ThrowIfAny();
    }
}
