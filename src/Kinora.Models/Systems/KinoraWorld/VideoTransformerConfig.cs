using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.KinoraWorld;

/// <summary>The <c>transformer/config.json</c> of kinora-world. Key names follow diffusers' WanTransformer3DModel where these have the same meaning.</summary>
public sealed record VideoTransformerConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "KinoraVideoTransformer";

    [JsonPropertyName("_class_name")] public required string ClassName { get; init; }
    /// <summary>Channels of a latent.</summary>
    public required int InChannels { get; init; }
    /// <summary>Standard deviation of each channel of the latents that the network is given.</summary>
    public required IReadOnlyList<double> LatentStd { get; init; }
    /// <summary>Latent frames, rows and columns in one token.</summary>
    public required IReadOnlyList<int> PatchSize { get; init; }
    public required int NumLayers { get; init; }
    public required int NumAttentionHeads { get; init; }
    public required int AttentionHeadDim { get; init; }
    /// <summary>Hidden width of the feed-forward network over the model's width.</summary>
    public required double MlpRatio { get; init; }
    /// <summary>Width of the text encoder's output.</summary>
    public required int CaptionChannels { get; init; }
    /// <summary>Width of the text as the blocks attend to it.</summary>
    public required int CrossAttentionDim { get; init; }
    /// <summary>Width of the sinusoidal embedding of sigma.</summary>
    public required int FreqDim { get; init; }
    /// <summary>Base of the rotary frequencies.</summary>
    public required double RopeTheta { get; init; }
    /// <summary>Epsilon of every norm.</summary>
    public required double Eps { get; init; }

    /// <summary>The network that ships: 12 million parameters, made for two CPU cores.</summary>
    public static VideoTransformerConfig Small { get; } = new()
    {
        ClassName = Name, InChannels = 16, LatentStd = [.. Enumerable.Repeat(1.0, 16)], PatchSize = [1, 2, 2], NumLayers = 7, NumAttentionHeads = 5, AttentionHeadDim = 64, MlpRatio = 4,
        CaptionChannels = 192, CrossAttentionDim = 192, FreqDim = 256, RopeTheta = 10_000, Eps = 1e-6,
    };

    /// <summary>For one GPU.</summary>
    public static VideoTransformerConfig Base { get; } = Small with
    {
        NumLayers = 18, NumAttentionHeads = 12, CaptionChannels = 384, CrossAttentionDim = 768,
    };

    /// <summary>Width of the residual stream.</summary>
    [JsonIgnore] public int HiddenSize => NumAttentionHeads * AttentionHeadDim;
    /// <summary>Hidden width of the feed-forward network.</summary>
    [JsonIgnore] public int MlpDim => (int)(MlpRatio * HiddenSize);
    /// <summary>Latent values in one token.</summary>
    [JsonIgnore] public int PatchDim => InChannels * PatchSize[0] * PatchSize[1] * PatchSize[2];

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("transformer config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.RequirePositive("in_channels", InChannels);
        violations.Require(LatentStd.Count == InChannels, $"`latent_std` has {LatentStd.Count} entries for {InChannels} latent channels");
        violations.Require(LatentStd.All(s => double.IsFinite(s) && s > 0), "`latent_std` must be positive and finite");
        violations.Require(PatchSize.Count == 3 && PatchSize.All(p => p > 0), "`patch_size` must be three positive numbers (frames, rows, columns)");
        violations.Require(PatchSize.Count != 3 || PatchSize[0] == 1, "`patch_size[0]` must be 1: every latent frame has its own sigma");
        violations.RequirePositive("num_layers", NumLayers);
        violations.RequirePositive("num_attention_heads", NumAttentionHeads);
        violations.Require(AttentionHeadDim >= 8 && AttentionHeadDim % 2 == 0, $"`attention_head_dim` must be even and at least 8, got {AttentionHeadDim}");
        violations.Require(MlpRatio > 0, $"`mlp_ratio` must be positive, got {MlpRatio}");
        violations.RequirePositive("caption_channels", CaptionChannels);
        violations.RequirePositive("cross_attention_dim", CrossAttentionDim);
        violations.Require(FreqDim > 0 && FreqDim % 2 == 0, $"`freq_dim` must be even and positive, got {FreqDim}");
        violations.Require(RopeTheta > 1, $"`rope_theta` must exceed 1, got {RopeTheta}");
        violations.Require(Eps > 0, $"`eps` must be positive, got {Eps}");
        violations.ThrowIfAny();
    }
}
