using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.Ltx;

/// <summary>The <c>vae/config.json</c> of LTX-Video 0.9.x in diffusers' words. Lists of the decoder run from the pixels to the latents.</summary>
public sealed record LtxAutoencoderConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "AutoencoderKLLTXVideo";

    /// <summary>Values of keys that published files leave out: those of 0.9.0 (huggingface/diffusers d035dcd7, autoencoder_kl_ltx.py).</summary>
    public const string Defaults = """
        {"in_channels": 3, "out_channels": 3, "latent_channels": 128, "block_out_channels": [128, 256, 512, 512],
         "down_block_types": ["LTXVideoDownBlock3D", "LTXVideoDownBlock3D", "LTXVideoDownBlock3D", "LTXVideoDownBlock3D"],
         "decoder_block_out_channels": [128, 256, 512, 512], "layers_per_block": [4, 3, 3, 3, 4], "decoder_layers_per_block": [4, 3, 3, 3, 4],
         "spatio_temporal_scaling": [true, true, true, false], "decoder_spatio_temporal_scaling": [true, true, true, false],
         "decoder_inject_noise": [false, false, false, false, false], "downsample_type": ["conv", "conv", "conv", "conv"],
         "upsample_residual": [false, false, false, false], "upsample_factor": [1, 1, 1, 1], "timestep_conditioning": false,
         "patch_size": 4, "patch_size_t": 1, "resnet_norm_eps": 1e-6, "scaling_factor": 1.0, "encoder_causal": true, "decoder_causal": false,
         "spatial_compression_ratio": null, "temporal_compression_ratio": null}
        """;

    private const string First = "LTXVideoDownBlock3D", Later = "LTXVideo095DownBlock3D";
    private static readonly string[] Reductions = ["conv", "spatial", "temporal", "spatiotemporal"];

    [JsonPropertyName("_class_name")] public required string ClassName { get; init; }
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    /// <summary>Color channels of a picture.</summary>
    public required int InChannels { get; init; }
    /// <summary>Color channels of a decoded picture.</summary>
    public required int OutChannels { get; init; }
    /// <summary>Channels of a latent.</summary>
    public required int LatentChannels { get; init; }
    /// <summary>Width of each encoder stage, and from 0.9.5 of the middle after them.</summary>
    public required IReadOnlyList<int> BlockOutChannels { get; init; }
    /// <summary>The form of each encoder stage: that of 0.9.0 or that of 0.9.5.</summary>
    public required IReadOnlyList<string> DownBlockTypes { get; init; }
    /// <summary>Width of each decoder stage.</summary>
    public required IReadOnlyList<int> DecoderBlockOutChannels { get; init; }
    /// <summary>Residual blocks of each encoder stage and of the middle.</summary>
    public required IReadOnlyList<int> LayersPerBlock { get; init; }
    /// <summary>Residual blocks of each decoder stage and of the middle.</summary>
    public required IReadOnlyList<int> DecoderLayersPerBlock { get; init; }
    /// <summary>Which encoder stages reduce.</summary>
    public required IReadOnlyList<bool> SpatioTemporalScaling { get; init; }
    /// <summary>Which decoder stages expand.</summary>
    public required IReadOnlyList<bool> DecoderSpatioTemporalScaling { get; init; }
    /// <summary>Which decoder stages, and the middle, add noise to their features.</summary>
    public required IReadOnlyList<bool> DecoderInjectNoise { get; init; }
    /// <summary>What each encoder stage reduces: "conv" is both by a strided convolution.</summary>
    public required IReadOnlyList<string> DownsampleType { get; init; }
    /// <summary>Which expansions have a shortcut.</summary>
    public required IReadOnlyList<bool> UpsampleResidual { get; init; }
    /// <summary>By what each expansion divides the width.</summary>
    public required IReadOnlyList<int> UpsampleFactor { get; init; }
    /// <summary>Whether the decoder takes a noise level.</summary>
    public required bool TimestepConditioning { get; init; }
    /// <summary>Side of the pixel patches that are folded into channels.</summary>
    public required int PatchSize { get; init; }
    /// <summary>Frames of those patches: 1.</summary>
    public required int PatchSizeT { get; init; }
    /// <summary>Epsilon of the shortcuts' layer norms.</summary>
    public required double ResnetNormEps { get; init; }
    /// <summary>Latents are multiplied by it after they are normalized.</summary>
    public required double ScalingFactor { get; init; }
    /// <summary>Whether no convolution of the encoder sees later frames.</summary>
    public required bool EncoderCausal { get; init; }
    /// <summary>Whether no convolution of the decoder sees later frames.</summary>
    public required bool DecoderCausal { get; init; }
    /// <summary>Pixels of one latent's side; null where it follows from the stages.</summary>
    public required int? SpatialCompressionRatio { get; init; }
    /// <summary>Frames of one latent frame, except the first; null where it follows from the stages.</summary>
    public required int? TemporalCompressionRatio { get; init; }

    /// <summary>LTX-Video 0.9.0.</summary>
    public static LtxAutoencoderConfig V090 { get; } = new()
    {
        ClassName = Name, InChannels = 3, OutChannels = 3, LatentChannels = 128, BlockOutChannels = [128, 256, 512, 512], DownBlockTypes = [First, First, First, First],
        DecoderBlockOutChannels = [128, 256, 512, 512], LayersPerBlock = [4, 3, 3, 3, 4], DecoderLayersPerBlock = [4, 3, 3, 3, 4],
        SpatioTemporalScaling = [true, true, true, false], DecoderSpatioTemporalScaling = [true, true, true, false], DecoderInjectNoise = [false, false, false, false, false],
        DownsampleType = ["conv", "conv", "conv", "conv"], UpsampleResidual = [false, false, false, false], UpsampleFactor = [1, 1, 1, 1], TimestepConditioning = false,
        PatchSize = 4, PatchSizeT = 1, ResnetNormEps = 1e-6, ScalingFactor = 1, EncoderCausal = true, DecoderCausal = false, SpatialCompressionRatio = null, TemporalCompressionRatio = null,
    };

    /// <summary>LTX-Video 0.9.1: a decoder that takes a noise level.</summary>
    public static LtxAutoencoderConfig V091 { get; } = V090 with
    {
        DecoderBlockOutChannels = [256, 512, 1024], DecoderLayersPerBlock = [5, 6, 7, 8], DecoderSpatioTemporalScaling = [true, true, true],
        DecoderInjectNoise = [true, true, true, false], UpsampleResidual = [true, true, true], UpsampleFactor = [2, 2, 2], TimestepConditioning = true,
    };

    /// <summary>LTX-Video 0.9.5 and later.</summary>
    public static LtxAutoencoderConfig V095 { get; } = V091 with
    {
        BlockOutChannels = [128, 256, 512, 1024, 2048], DownBlockTypes = [Later, Later, Later, Later], LayersPerBlock = [4, 6, 6, 2, 2],
        SpatioTemporalScaling = [true, true, true, true], DownsampleType = ["spatial", "temporal", "spatiotemporal", "spatiotemporal"],
        DecoderLayersPerBlock = [5, 5, 5, 5], DecoderInjectNoise = [false, false, false, false], SpatialCompressionRatio = 32, TemporalCompressionRatio = 8,
    };

    /// <summary>Pixels of one latent's side.</summary>
    [JsonIgnore] public int SpatialCompression => SpatialCompressionRatio ?? PatchSize << SpatioTemporalScaling.Count(s => s);
    /// <summary>Frames of one latent frame, except the first.</summary>
    [JsonIgnore] public int TemporalCompression => TemporalCompressionRatio ?? PatchSizeT << SpatioTemporalScaling.Count(s => s);
    /// <summary>Whether encoder stages have the form of 0.9.5, which reduces by folding positions into channels.</summary>
    [JsonIgnore] public bool FoldsDown => DownBlockTypes.Count > 0 && DownBlockTypes[^1] == Later;

    /// <summary>Latent frames of 1 + 8k frames: 1 + k.</summary>
    public int LatentFrames(int frames) => 1 + (frames - 1) / TemporalCompression;

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("LTX VAE config");
        int down = DownBlockTypes.Count, up = DecoderBlockOutChannels.Count;
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.RequirePositive("in_channels", InChannels);
        violations.RequirePositive("out_channels", OutChannels);
        violations.RequirePositive("latent_channels", LatentChannels);
        violations.RequirePositive("patch_size", PatchSize);
        violations.Require(PatchSizeT == 1, $"`patch_size_t` must be 1, got {PatchSizeT}");
        violations.Require(down > 0 && DownBlockTypes.All(t => t == DownBlockTypes[0]) && (DownBlockTypes[0] is First or Later), $"`down_block_types` must all be \"{First}\" or all \"{Later}\"");
        violations.Require(BlockOutChannels.Count == (FoldsDown ? down + 1 : down) && BlockOutChannels.All(c => c > 0), $"`block_out_channels` must be {(FoldsDown ? down + 1 : down)} positive numbers");
        RequireCount("layers_per_block", LayersPerBlock.Count, down + 1);
        RequireCount("spatio_temporal_scaling", SpatioTemporalScaling.Count, down);
        violations.Require(DownsampleType.Count == down && DownsampleType.All(Reductions.Contains), $"`downsample_type` must be {down} of {string.Join(", ", Reductions)}");
        violations.Require(up > 0 && DecoderBlockOutChannels.All(c => c > 0), "`decoder_block_out_channels` must hold positive numbers");
        RequireCount("decoder_layers_per_block", DecoderLayersPerBlock.Count, up + 1);
        RequireCount("decoder_spatio_temporal_scaling", DecoderSpatioTemporalScaling.Count, up);
        RequireCount("decoder_inject_noise", DecoderInjectNoise.Count, up + 1);
        RequireCount("upsample_residual", UpsampleResidual.Count, up);
        violations.Require(UpsampleFactor.Count == up && UpsampleFactor.All(f => f is 1 or 2 or 4 or 8), $"`upsample_factor` must be {up} of 1, 2, 4, 8");
        violations.Require(ResnetNormEps > 0, $"`resnet_norm_eps` must be positive, got {ResnetNormEps}");
        violations.Require(ScalingFactor > 0, $"`scaling_factor` must be positive, got {ScalingFactor}");
        violations.ThrowIfAny();

        void RequireCount(string key, int found, int wanted) => violations.Require(found == wanted, $"`{key}` must have {wanted} entries, got {found}");
    }
}
