using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.KinoraWorld;

/// <summary>The <c>vae/config.json</c> of kinora-world. Key names follow diffusers' AutoencoderKLWan and AutoencoderKLLTXVideo where these have the same meaning.</summary>
public sealed record VideoAutoencoderConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "KinoraVideoAutoencoder";

    [JsonPropertyName("_class_name")] public required string ClassName { get; init; }
    /// <summary>Color channels of a frame.</summary>
    public required int InChannels { get; init; }
    /// <summary>Side of the pixel squares that become channels before the first convolution.</summary>
    public required int PatchSize { get; init; }
    /// <summary>Width of each stage, finest first. Every stage after the first halves time, height and width.</summary>
    public required IReadOnlyList<int> BlockOutChannels { get; init; }
    /// <summary>Residual blocks per encoder stage, finest first.</summary>
    public required IReadOnlyList<int> EncoderLayersPerBlock { get; init; }
    /// <summary>Residual blocks per decoder stage, finest first.</summary>
    public required IReadOnlyList<int> DecoderLayersPerBlock { get; init; }
    /// <summary>Channels of a latent.</summary>
    public required int LatentChannels { get; init; }
    /// <summary>Epsilon of the channel RMS norms.</summary>
    public required double NormEps { get; init; }
    /// <summary>Mean of each latent channel over the training clips; the generator sees (z − mean) / scale.</summary>
    public required IReadOnlyList<double> LatentsMean { get; init; }
    /// <summary>Scale of each latent channel: its standard deviation over the training clips, or between that and one scale for all (diffusers' key is <c>latents_std</c>).</summary>
    public required IReadOnlyList<double> LatentsStd { get; init; }

    /// <summary>4×8×8 with two million parameters: made for two CPU cores.</summary>
    public static VideoAutoencoderConfig Small { get; } = Create([32, 64, 96], [1, 1, 2], [2, 2, 2], 16);

    /// <summary>4×8×8 for one GPU.</summary>
    public static VideoAutoencoderConfig Base { get; } = Create([96, 192, 320], [2, 2, 3], [2, 3, 3], 16);

    /// <summary>A configuration with unit latent statistics, as a codec has before they are measured.</summary>
    public static VideoAutoencoderConfig Create(IReadOnlyList<int> blockOutChannels, IReadOnlyList<int> encoderLayers, IReadOnlyList<int> decoderLayers, int latentChannels) => new()
    {
        ClassName = Name, InChannels = 3, PatchSize = 2, BlockOutChannels = blockOutChannels,
        EncoderLayersPerBlock = encoderLayers, DecoderLayersPerBlock = decoderLayers, LatentChannels = latentChannels, NormEps = 1e-6,
        LatentsMean = [.. Enumerable.Repeat(0.0, latentChannels)], LatentsStd = [.. Enumerable.Repeat(1.0, latentChannels)],
    };

    /// <summary>Pixel frames per latent frame after the first.</summary>
    [JsonIgnore] public int TemporalCompression => 1 << (BlockOutChannels.Count - 1);
    /// <summary>Pixels per latent position along height and width.</summary>
    [JsonIgnore] public int SpatialCompression => PatchSize << (BlockOutChannels.Count - 1);

    /// <summary>Latent frames of a clip of 1 + k · <see cref="TemporalCompression"/> frames.</summary>
    public int LatentFrames(int frames) => 1 + (frames - 1) / TemporalCompression;
    /// <summary>Pixel frames of a clip of <paramref name="latentFrames"/> latent frames.</summary>
    public int PixelFrames(int latentFrames) => 1 + (latentFrames - 1) * TemporalCompression;

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("VAE config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.RequirePositive("in_channels", InChannels);
        violations.RequirePositive("patch_size", PatchSize);
        violations.RequirePositive("latent_channels", LatentChannels);
        violations.Require(BlockOutChannels.Count > 0, "`block_out_channels` must name at least one stage");
        violations.Require(BlockOutChannels.All(c => c > 0), "`block_out_channels` must be positive");
        violations.Require(EncoderLayersPerBlock.Count == BlockOutChannels.Count, $"`encoder_layers_per_block` has {EncoderLayersPerBlock.Count} entries for {BlockOutChannels.Count} stages");
        violations.Require(DecoderLayersPerBlock.Count == BlockOutChannels.Count, $"`decoder_layers_per_block` has {DecoderLayersPerBlock.Count} entries for {BlockOutChannels.Count} stages");
        violations.Require(EncoderLayersPerBlock.Concat(DecoderLayersPerBlock).All(n => n >= 0), "layers per block must not be negative");
        violations.Require(NormEps > 0, $"`norm_eps` must be positive, got {NormEps}");
        violations.Require(LatentsMean.Count == LatentChannels, $"`latents_mean` has {LatentsMean.Count} entries for {LatentChannels} latent channels");
        violations.Require(LatentsStd.Count == LatentChannels, $"`latents_std` has {LatentsStd.Count} entries for {LatentChannels} latent channels");
        violations.Require(LatentsMean.All(double.IsFinite), "`latents_mean` must be finite");
        violations.Require(LatentsStd.All(s => double.IsFinite(s) && s > 0), "`latents_std` must be positive and finite");
        violations.ThrowIfAny();
    }
}
