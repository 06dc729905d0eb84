using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.CogVideoX;

/// <summary>The <c>vae/config.json</c> of CogVideoX in diffusers' words.</summary>
public sealed record CogVideoXAutoencoderConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "AutoencoderKLCogVideoX";

    /// <summary>Values of keys that published files leave out (huggingface/diffusers d035dcd7, autoencoder_kl_cogvideox.py).</summary>
    public const string Defaults = """
        {"in_channels": 3, "out_channels": 3,
         "down_block_types": ["CogVideoXDownBlock3D", "CogVideoXDownBlock3D", "CogVideoXDownBlock3D", "CogVideoXDownBlock3D"],
         "up_block_types": ["CogVideoXUpBlock3D", "CogVideoXUpBlock3D", "CogVideoXUpBlock3D", "CogVideoXUpBlock3D"],
         "block_out_channels": [128, 256, 256, 512], "latent_channels": 16, "layers_per_block": 3, "act_fn": "silu", "norm_eps": 1e-6,
         "norm_num_groups": 32, "temporal_compression_ratio": 4, "sample_height": 480, "sample_width": 720, "scaling_factor": 1.15258426,
         "shift_factor": null, "latents_mean": null, "latents_std": null, "force_upcast": true, "use_quant_conv": false,
         "use_post_quant_conv": false, "invert_scale_latents": false}
        """;

    [JsonPropertyName("_class_name")] public required string ClassName { get; init; }
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    public required int InChannels { get; init; }
    public required int OutChannels { get; init; }
    public required IReadOnlyList<string> DownBlockTypes { get; init; }
    public required IReadOnlyList<string> UpBlockTypes { get; init; }
    /// <summary>Width of each stage, finest first.</summary>
    public required IReadOnlyList<int> BlockOutChannels { get; init; }
    public required int LatentChannels { get; init; }
    /// <summary>Residual blocks of an encoder stage; the decoder has one more.</summary>
    public required int LayersPerBlock { get; init; }
    public required string ActFn { get; init; }
    public required double NormEps { get; init; }
    public required int NormNumGroups { get; init; }
    /// <summary>Frames of one latent frame, except the first.</summary>
    public required int TemporalCompressionRatio { get; init; }
    /// <summary>Height in pixels of the training; not used here.</summary>
    public required int SampleHeight { get; init; }
    /// <summary>Width in pixels of the training; not used here.</summary>
    public required int SampleWidth { get; init; }
    /// <summary>What the transformer sees is a latent times this.</summary>
    public required double ScalingFactor { get; init; }
    public required double? ShiftFactor { get; init; }
    public required IReadOnlyList<double>? LatentsMean { get; init; }
    public required IReadOnlyList<double>? LatentsStd { get; init; }
    public required bool ForceUpcast { get; init; }
    public required bool UseQuantConv { get; init; }
    public required bool UsePostQuantConv { get; init; }
    /// <summary>Whether an image's latents are divided by the scaling factor instead (5B image to video).</summary>
    public required bool InvertScaleLatents { get; init; }

    /// <summary>The autoencoder of CogVideoX-2B; that of 5B differs in the scaling factor, 0.7.</summary>
    public static CogVideoXAutoencoderConfig TwoB { get; } = ModelConfigJson.Read("""{"_class_name": "AutoencoderKLCogVideoX"}"""u8, CogVideoXJson.Default.CogVideoXAutoencoderConfig, Name, Defaults);

    /// <summary>Pixels of one latent's side.</summary>
    [JsonIgnore] public int SpatialCompression => 1 << (BlockOutChannels.Count - 1);

    /// <summary>How many stages, finest first, also halve the frames.</summary>
    [JsonIgnore] public int TemporalStages => int.Log2(TemporalCompressionRatio);

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("CogVideoX VAE config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.RequirePositive("in_channels", InChannels);
        violations.RequirePositive("out_channels", OutChannels);
        violations.RequirePositive("latent_channels", LatentChannels);
        violations.RequirePositive("layers_per_block", LayersPerBlock);
        violations.RequirePositive("norm_num_groups", NormNumGroups);
        violations.Require(BlockOutChannels.Count > 0 && BlockOutChannels.All(c => c > 0 && c % Math.Max(1, NormNumGroups) == 0), $"`block_out_channels` must be positive multiples of `norm_num_groups` ({NormNumGroups})");
        violations.Require(DownBlockTypes.Count == BlockOutChannels.Count && DownBlockTypes.All(t => t == "CogVideoXDownBlock3D"), "`down_block_types` must name CogVideoXDownBlock3D once per stage");
        violations.Require(UpBlockTypes.Count == BlockOutChannels.Count && UpBlockTypes.All(t => t == "CogVideoXUpBlock3D"), "`up_block_types` must name CogVideoXUpBlock3D once per stage");
        violations.Require(TemporalCompressionRatio > 0 && int.IsPow2(TemporalCompressionRatio) && int.Log2(Math.Max(1, TemporalCompressionRatio)) < BlockOutChannels.Count, $"`temporal_compression_ratio` must be a power of two that {BlockOutChannels.Count - 1} reductions can reach, got {TemporalCompressionRatio}");
        violations.Require(ActFn is "silu" or "swish", $"`act_fn` must be silu, got \"{ActFn}\"");
        violations.Require(NormEps > 0, $"`norm_eps` must be positive, got {NormEps}");
        violations.Require(ScalingFactor > 0, $"`scaling_factor` must be positive, got {ScalingFactor}");
        violations.Require(ShiftFactor is null or 0 && LatentsMean is null && LatentsStd is null, "`shift_factor`, `latents_mean` and `latents_std` must be null: CogVideoX only scales its latents");
        violations.Require(!UseQuantConv && !UsePostQuantConv, "`use_quant_conv` and `use_post_quant_conv` must be false, as in every published CogVideoX VAE");
        violations.Require(SampleHeight >= 2 * SpatialCompression && SampleWidth >= 2 * SpatialCompression, $"`sample_height` and `sample_width` must be at least {2 * SpatialCompression}");
        violations.ThrowIfAny();
    }
}
