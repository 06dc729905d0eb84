using System.Text.Json.Serialization;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Models.Systems.StableVideoDiffusion;

/// <summary>
/// The <c>vae/config.json</c> of Stable Video Diffusion. Keys and defaults are those of huggingface/diffusers d035dcd7,
/// AutoencoderKLTemporalDecoder.
/// </summary>
public sealed record TemporalAutoencoderConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "AutoencoderKLTemporalDecoder";

    private const string DownBlock = "DownEncoderBlock2D";

    [JsonPropertyName("_class_name")] public string ClassName { get; init; } = Name;
    /// <summary>Version of diffusers that wrote the file; without meaning here.</summary>
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    /// <summary>Where the publisher had the weights from; without meaning here.</summary>
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    public int InChannels { get; init; } = 3;
    public int OutChannels { get; init; } = 3;
    public IReadOnlyList<string> DownBlockTypes { get; init; } = [DownBlock];
    /// <summary>Widths of the levels.</summary>
    public IReadOnlyList<int> BlockOutChannels { get; init; } = [64];
    public int LayersPerBlock { get; init; } = 1;
    public int LatentChannels { get; init; } = 4;
    /// <summary>Height and width of the pictures in training.</summary>
    public int SampleSize { get; init; } = 32;
    /// <summary>What latents are multiplied by for diffusion.</summary>
    public double ScalingFactor { get; init; } = 0.18215;
    /// <summary>Whether half precision overflows in this network.</summary>
    public bool ForceUpcast { get; init; } = true;

    /// <summary>Pixels of a latent's height and width.</summary>
    [JsonIgnore] public int SpatialCompression => 1 << (BlockOutChannels.Count - 1);

    /// <summary>The encoder is that of the picture autoencoder.</summary>
    internal AutoencoderKlConfig EncoderConfig => new()
    {
        InChannels = InChannels, OutChannels = OutChannels, BlockOutChannels = BlockOutChannels, LayersPerBlock = LayersPerBlock, LatentChannels = LatentChannels,
        DownBlockTypes = DownBlockTypes, UpBlockTypes = [.. BlockOutChannels.Select(_ => "UpDecoderBlock2D")], ScalingFactor = ScalingFactor,
    };

    /// <summary>Reads a file; keys that it leaves out have the defaults above.</summary>
    /// <exception cref="Kinora.Engine.ConfigException">It is not such a file; the message names every problem.</exception>
    public static TemporalAutoencoderConfig Read(ConfigText text) =>
        ModelConfigJson.Read(text, StableVideoDiffusionJson.Default.TemporalAutoencoderConfig, ModelConfigJson.Write(new TemporalAutoencoderConfig(), StableVideoDiffusionJson.Default.TemporalAutoencoderConfig));

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        const int Groups = 32;                                                                   // of every group norm, not configurable
        int levels = BlockOutChannels.Count;
        var violations = new ConfigViolations("vae config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.RequirePositive("in_channels", InChannels);
        violations.RequirePositive("out_channels", OutChannels);
        violations.RequirePositive("latent_channels", LatentChannels);
        violations.RequirePositive("layers_per_block", LayersPerBlock);
        violations.Require(levels > 0 && BlockOutChannels.All(c => c > 0 && c % Groups == 0), $"`block_out_channels` must be positive multiples of {Groups}");
        UNet2DConditionConfig.RequireTypes(violations, "down_block_types", DownBlockTypes, levels, DownBlock);
        violations.Require(ScalingFactor > 0, $"`scaling_factor` must be positive, got {ScalingFactor}");
        violations.ThrowIfAny();
    }
}
