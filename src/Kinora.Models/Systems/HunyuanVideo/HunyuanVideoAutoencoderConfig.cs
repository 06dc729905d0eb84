using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.HunyuanVideo;

/// <summary>The <c>vae/config.json</c> of HunyuanVideo in diffusers' words.</summary>
public sealed record HunyuanVideoAutoencoderConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "AutoencoderKLHunyuanVideo";

    /// <summary>Values of keys that published files leave out (huggingface/diffusers d035dcd7, autoencoder_kl_hunyuan_video.py).</summary>
    public const string Defaults = """
        {"in_channels": 3, "out_channels": 3, "latent_channels": 16,
         "down_block_types": ["HunyuanVideoDownBlock3D", "HunyuanVideoDownBlock3D", "HunyuanVideoDownBlock3D", "HunyuanVideoDownBlock3D"],
         "up_block_types": ["HunyuanVideoUpBlock3D", "HunyuanVideoUpBlock3D", "HunyuanVideoUpBlock3D", "HunyuanVideoUpBlock3D"],
         "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2, "act_fn": "silu", "norm_num_groups": 32, "scaling_factor": 0.476986,
         "spatial_compression_ratio": 8, "temporal_compression_ratio": 4, "mid_block_add_attention": true}
        """;

    [JsonPropertyName("_class_name")] public required string ClassName { get; init; }
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    public required int InChannels { get; init; }
    public required int OutChannels { get; init; }
    public required int LatentChannels { get; init; }
    public required IReadOnlyList<string> DownBlockTypes { get; init; }
    public required IReadOnlyList<string> UpBlockTypes { get; init; }
    /// <summary>Width of each stage, finest first.</summary>
    public required IReadOnlyList<int> BlockOutChannels { get; init; }
    /// <summary>Residual blocks of an encoder stage; the decoder has one more.</summary>
    public required int LayersPerBlock { get; init; }
    public required string ActFn { get; init; }
    public required int NormNumGroups { get; init; }
    /// <summary>What the transformer sees is a latent times this.</summary>
    public required double ScalingFactor { get; init; }
    /// <summary>Pixels of one latent's side.</summary>
    public required int SpatialCompressionRatio { get; init; }
    /// <summary>Frames of one latent frame, except the first.</summary>
    public required int TemporalCompressionRatio { get; init; }
    public required bool MidBlockAddAttention { get; init; }

    /// <summary>The published autoencoder.</summary>
    public static HunyuanVideoAutoencoderConfig Published { get; } =
        ModelConfigJson.Read("""{"_class_name": "AutoencoderKLHunyuanVideo"}"""u8, HunyuanVideoJson.Default.HunyuanVideoAutoencoderConfig, Name, Defaults);

    /// <summary>Frames, rows and columns that the change between stage i and i + 1 of the encoder merges: 2 or 1 each.</summary>
    internal (int Frames, int Side) Reduction(int stage)
    {
        int last = BlockOutChannels.Count - 1;
        return (stage >= last - int.Log2(TemporalCompressionRatio) && stage < last ? 2 : 1, stage < int.Log2(SpatialCompressionRatio) ? 2 : 1);
    }

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("HunyuanVideo VAE config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.RequirePositive("in_channels", InChannels);
        violations.RequirePositive("out_channels", OutChannels);
        violations.RequirePositive("latent_channels", LatentChannels);
        violations.RequirePositive("layers_per_block", LayersPerBlock);
        violations.RequirePositive("norm_num_groups", NormNumGroups);
        violations.Require(BlockOutChannels.Count > 0 && BlockOutChannels.All(c => c > 0 && c % Math.Max(1, NormNumGroups) == 0), $"`block_out_channels` must be positive multiples of `norm_num_groups` ({NormNumGroups})");
        violations.Require(DownBlockTypes.Count == BlockOutChannels.Count && DownBlockTypes.All(t => t == "HunyuanVideoDownBlock3D"), "`down_block_types` must name HunyuanVideoDownBlock3D once per stage");
        violations.Require(UpBlockTypes.Count == BlockOutChannels.Count && UpBlockTypes.All(t => t == "HunyuanVideoUpBlock3D"), "`up_block_types` must name HunyuanVideoUpBlock3D once per stage");
        violations.Require(ActFn == "silu", $"`act_fn` must be silu, got \"{ActFn}\"");
        violations.Require(ScalingFactor > 0, $"`scaling_factor` must be positive, got {ScalingFactor}");
        violations.Require(SpatialCompressionRatio > 0 && int.IsPow2(SpatialCompressionRatio) && int.Log2(Math.Max(1, SpatialCompressionRatio)) < BlockOutChannels.Count, $"`spatial_compression_ratio` must be a power of two that the stages can reach, got {SpatialCompressionRatio}");
        violations.Require(TemporalCompressionRatio > 0 && int.IsPow2(TemporalCompressionRatio) && int.Log2(Math.Max(1, TemporalCompressionRatio)) < BlockOutChannels.Count, $"`temporal_compression_ratio` must be a power of two that the stages can reach, got {TemporalCompressionRatio}");
        violations.Require(MidBlockAddAttention, "`mid_block_add_attention` must be true, as in the published VAE");
        violations.ThrowIfAny();
    }
}
