using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>The <c>config.json</c> of a tiny autoencoder (TAESD). Keys and defaults are those of huggingface/diffusers d035dcd7, AutoencoderTiny.</summary>
public sealed record AutoencoderTinyConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "AutoencoderTiny";

    [JsonPropertyName("_class_name")] public string ClassName { get; init; } = Name;
    /// <summary>Version of diffusers that wrote the file; without meaning here.</summary>
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    /// <summary>Where the publisher had the weights from; without meaning here.</summary>
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    public int InChannels { get; init; } = 3;
    public int OutChannels { get; init; } = 3;
    public IReadOnlyList<int> EncoderBlockOutChannels { get; init; } = [64, 64, 64, 64];
    public IReadOnlyList<int> DecoderBlockOutChannels { get; init; } = [64, 64, 64, 64];
    /// <summary>Without meaning here; some files repeat the decoder's widths.</summary>
    public IReadOnlyList<int>? BlockOutChannels { get; init; }
    public string ActFn { get; init; } = "relu";
    public string UpsampleFn { get; init; } = "nearest";
    public int LatentChannels { get; init; } = 4;
    public int UpsamplingScalingFactor { get; init; } = 2;
    public IReadOnlyList<int> NumEncoderBlocks { get; init; } = [1, 3, 3, 3];
    public IReadOnlyList<int> NumDecoderBlocks { get; init; } = [3, 3, 3, 1];
    /// <summary>Largest latent when latents are stored as pictures.</summary>
    public double LatentMagnitude { get; init; } = 3;
    public double LatentShift { get; init; } = 0.5;
    public bool ForceUpcast { get; init; }
    public double ScalingFactor { get; init; } = 1;
    public double ShiftFactor { get; init; }

    /// <summary>Reads a file; keys that it leaves out have the defaults above.</summary>
    /// <exception cref="Kinora.Engine.ConfigException">It is not such a file; the message names every problem.</exception>
    public static AutoencoderTinyConfig Read(ConfigText text) =>
        ModelConfigJson.Read(text, StableDiffusionJson.Default.AutoencoderTinyConfig, ModelConfigJson.Write(new AutoencoderTinyConfig(), StableDiffusionJson.Default.AutoencoderTinyConfig));

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("tiny autoencoder config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.RequirePositive("in_channels", InChannels);
        violations.RequirePositive("out_channels", OutChannels);
        violations.RequirePositive("latent_channels", LatentChannels);
        violations.RequirePositive("upsampling_scaling_factor", UpsamplingScalingFactor);
        violations.Require(EncoderBlockOutChannels.Count > 0 && EncoderBlockOutChannels.Count == NumEncoderBlocks.Count, "`encoder_block_out_channels` and `num_encoder_blocks` must have the same entries");
        violations.Require(DecoderBlockOutChannels.Count > 0 && DecoderBlockOutChannels.Count == NumDecoderBlocks.Count, "`decoder_block_out_channels` and `num_decoder_blocks` must have the same entries");
        violations.Require(EncoderBlockOutChannels.Concat(DecoderBlockOutChannels).All(c => c > 0), "widths must be positive");
        violations.Require(EncoderBlockOutChannels.Distinct().Count() <= 1 && DecoderBlockOutChannels.Distinct().Count() <= 1, "widths must be the same at every level");
        violations.Require(NumEncoderBlocks.Concat(NumDecoderBlocks).All(n => n >= 0), "numbers of blocks must not be negative");
        violations.Require(ActFn == "relu", $"`act_fn` \"{ActFn}\" is not supported; relu is");
        violations.Require(UpsampleFn == "nearest", $"`upsample_fn` \"{UpsampleFn}\" is not supported; nearest is");
        violations.ThrowIfAny();
    }
}
