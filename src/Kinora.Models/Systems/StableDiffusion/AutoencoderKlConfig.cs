using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>The <c>vae/config.json</c> of Stable Diffusion and its relatives. Keys and defaults are those of huggingface/diffusers d035dcd7, AutoencoderKL.</summary>
public sealed record AutoencoderKlConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "AutoencoderKL";

    private const string DownType = "DownEncoderBlock2D", UpType = "UpDecoderBlock2D";

    [JsonPropertyName("_class_name")] public string ClassName { get; init; } = Name;
    /// <summary>Version of diffusers that wrote the file; without meaning here.</summary>
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    /// <summary>Where the publisher had the weights from; without meaning here.</summary>
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    public int InChannels { get; init; } = 3;
    public int OutChannels { get; init; } = 3;
    public IReadOnlyList<string> DownBlockTypes { get; init; } = [DownType];
    public IReadOnlyList<string> UpBlockTypes { get; init; } = [UpType];
    /// <summary>Widths of the levels, fine to coarse.</summary>
    public IReadOnlyList<int> BlockOutChannels { get; init; } = [64];
    /// <summary>Residual blocks of a level in the encoder; the decoder has one more.</summary>
    public int LayersPerBlock { get; init; } = 1;
    public string ActFn { get; init; } = "silu";
    public int LatentChannels { get; init; } = 4;
    public int NormNumGroups { get; init; } = 32;
    /// <summary>Height and width of pictures in training; tiles of tiled coding have this size.</summary>
    public int SampleSize { get; init; } = 32;
    /// <summary>What diffusion sees is latent · factor, so that it has unit variance.</summary>
    public double ScalingFactor { get; init; } = 0.18215;
    /// <summary>Taken from latents before they are scaled; null for none.</summary>
    public double? ShiftFactor { get; init; }
    /// <summary>Mean of every latent channel; null where <see cref="ScalingFactor"/> says it all.</summary>
    public IReadOnlyList<double>? LatentsMean { get; init; }
    /// <summary>Standard deviation of every latent channel.</summary>
    public IReadOnlyList<double>? LatentsStd { get; init; }
    /// <summary>Whether half precision overflows in this network.</summary>
    public bool ForceUpcast { get; init; } = true;
    public bool UseQuantConv { get; init; } = true;
    public bool UsePostQuantConv { get; init; } = true;
    public bool MidBlockAddAttention { get; init; } = true;

    /// <summary>Stable Diffusion 1 and 2.</summary>
    public static AutoencoderKlConfig StableDiffusion { get; } = new()
    {
        BlockOutChannels = [128, 256, 512, 512], LayersPerBlock = 2, SampleSize = 512,
        DownBlockTypes = [DownType, DownType, DownType, DownType], UpBlockTypes = [UpType, UpType, UpType, UpType],
    };

    /// <summary>Pixels of height and width in one latent.</summary>
    [JsonIgnore] public int SpatialCompression => 1 << (BlockOutChannels.Count - 1);

    /// <summary>Reads a file; keys that it leaves out have the defaults above.</summary>
    /// <exception cref="Kinora.Engine.ConfigException">It is not such a file; the message names every problem.</exception>
    public static AutoencoderKlConfig Read(ConfigText text) =>
        ModelConfigJson.Read(text, StableDiffusionJson.Default.AutoencoderKlConfig, ModelConfigJson.Write(new AutoencoderKlConfig(), StableDiffusionJson.Default.AutoencoderKlConfig));

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        int levels = BlockOutChannels.Count;
        var violations = new ConfigViolations("vae config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.RequirePositive("in_channels", InChannels);
        violations.RequirePositive("out_channels", OutChannels);
        violations.RequirePositive("latent_channels", LatentChannels);
        violations.RequirePositive("layers_per_block", LayersPerBlock);
        violations.RequirePositive("sample_size", SampleSize);
        violations.Require(levels is > 0 and < 16 && BlockOutChannels.All(c => c > 0), "`block_out_channels` must be positive numbers");
        UNet2DConditionConfig.RequireTypes(violations, "down_block_types", DownBlockTypes, levels, DownType);
        UNet2DConditionConfig.RequireTypes(violations, "up_block_types", UpBlockTypes, levels, UpType);
        UNet2DConditionConfig.RequireDivisible(violations, BlockOutChannels, [1], NormNumGroups);
        violations.Require(ActFn is "silu" or "swish", $"`act_fn` \"{ActFn}\" is not supported; silu is");
        violations.Require(double.IsFinite(ScalingFactor) && ScalingFactor > 0, $"`scaling_factor` must be positive, got {ScalingFactor}");
        violations.Require(LatentsMean is null == LatentsStd is null, "`latents_mean` and `latents_std` go together");
        violations.Require(LatentsMean is null || (LatentsMean.Count == LatentChannels && LatentsStd?.Count == LatentChannels && LatentsStd.All(s => s > 0)), $"`latents_mean` and `latents_std` must have {LatentChannels} entries, the latter positive");
        violations.ThrowIfAny();
    }
}
