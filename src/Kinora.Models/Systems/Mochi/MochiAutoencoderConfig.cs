using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.Mochi;

/// <summary>The <c>vae/config.json</c> of Mochi 1 in diffusers' words.</summary>
public sealed record MochiAutoencoderConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "AutoencoderKLMochi";

    /// <summary>Values of keys that published files leave out (huggingface/diffusers 071190da, autoencoder_kl_mochi.py).</summary>
    public const string Defaults = """
        {"in_channels": 15, "out_channels": 3, "encoder_block_out_channels": [64, 128, 256, 384], "decoder_block_out_channels": [128, 256, 512, 768],
         "latent_channels": 12, "layers_per_block": [3, 3, 4, 6, 3], "act_fn": "silu", "temporal_expansions": [1, 2, 3], "spatial_expansions": [2, 2, 2],
         "add_attention_block": [false, true, true, true, true],
         "latents_mean": [-0.06730895953510081, -0.038011381506090416, -0.07477820912866141, -0.05565264470995561, 0.012767231469026969, -0.04703542746246419,
          0.043896967884726704, -0.09346305707025976, -0.09918314763016893, -0.008729793427399178, -0.011931556316503654, -0.0321993391887285],
         "latents_std": [0.9263795028493863, 0.9248894543193766, 0.9393059390890617, 0.959253732819592, 0.8244560132752793, 0.917259975397747,
          0.9294154431013696, 1.3720942357788521, 0.881393668867029, 0.9168315692124348, 0.9185249279345552, 0.9274757570805041],
         "scaling_factor": 1.0}
        """;

    [JsonPropertyName("_class_name")] public required string ClassName { get; init; }
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    /// <summary>Channels after the Fourier features: five for every color.</summary>
    public required int InChannels { get; init; }
    public required int OutChannels { get; init; }
    /// <summary>Width of each encoder stage, finest first.</summary>
    public required IReadOnlyList<int> EncoderBlockOutChannels { get; init; }
    /// <summary>Width of each decoder stage, finest first.</summary>
    public required IReadOnlyList<int> DecoderBlockOutChannels { get; init; }
    public required int LatentChannels { get; init; }
    /// <summary>Residual blocks of the first block, of each stage, and of the last block.</summary>
    public required IReadOnlyList<int> LayersPerBlock { get; init; }
    public required string ActFn { get; init; }
    /// <summary>Frames that each stage merges.</summary>
    public required IReadOnlyList<int> TemporalExpansions { get; init; }
    /// <summary>Rows and columns that each stage merges.</summary>
    public required IReadOnlyList<int> SpatialExpansions { get; init; }
    /// <summary>Where the encoder attends over time.</summary>
    public required IReadOnlyList<bool> AddAttentionBlock { get; init; }
    public required IReadOnlyList<double> LatentsMean { get; init; }
    public required IReadOnlyList<double> LatentsStd { get; init; }
    public required double ScalingFactor { get; init; }

    /// <summary>The published autoencoder.</summary>
    public static MochiAutoencoderConfig Published { get; } = ModelConfigJson.Read("""{"_class_name": "AutoencoderKLMochi"}"""u8, MochiJson.Default.MochiAutoencoderConfig, Name, Defaults);

    /// <summary>Frames of one latent frame, except the first.</summary>
    [JsonIgnore] public int TemporalCompression => TemporalExpansions.Aggregate(1, (a, b) => a * b);

    /// <summary>Pixels of one latent's side.</summary>
    [JsonIgnore] public int SpatialCompression => SpatialExpansions.Aggregate(1, (a, b) => a * b);

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("Mochi VAE config");
        int stages = EncoderBlockOutChannels.Count;
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.Require(InChannels > 0 && InChannels % 5 == 0, $"`in_channels` must be five for every color, got {InChannels}");
        violations.RequirePositive("out_channels", OutChannels);
        violations.RequirePositive("latent_channels", LatentChannels);
        violations.Require(stages > 1 && EncoderBlockOutChannels.Concat(DecoderBlockOutChannels).All(c => c > 0 && c % 32 == 0), "`encoder_block_out_channels` and `decoder_block_out_channels` must be positive multiples of 32");
        violations.Require(DecoderBlockOutChannels.Count == stages, $"`decoder_block_out_channels` must have {stages} entries, as the encoder's, got {DecoderBlockOutChannels.Count}");
        violations.Require(LayersPerBlock.Count == stages + 1 && LayersPerBlock.All(n => n > 0), $"`layers_per_block` must have {stages + 1} positive entries");
        violations.Require(AddAttentionBlock.Count == stages + 1, $"`add_attention_block` must have {stages + 1} entries, got {AddAttentionBlock.Count}");
        violations.Require(TemporalExpansions.Count == stages - 1 && SpatialExpansions.Count == stages - 1 && TemporalExpansions.Concat(SpatialExpansions).All(e => e > 0), $"`temporal_expansions` and `spatial_expansions` must have {stages - 1} positive entries");
        violations.Require(ActFn is "silu" or "swish", $"`act_fn` must be silu, got \"{ActFn}\"");
        violations.Require(LatentsMean.Count == LatentChannels && LatentsStd.Count == LatentChannels && LatentsStd.All(s => s > 0), $"`latents_mean` and `latents_std` must have `latent_channels` entries ({LatentChannels}), the latter positive");
        violations.Require(ScalingFactor > 0, $"`scaling_factor` must be positive, got {ScalingFactor}");
        violations.ThrowIfAny();
    }
}
