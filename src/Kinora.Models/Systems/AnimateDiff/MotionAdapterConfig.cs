using System.Text.Json.Serialization;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Models.Systems.AnimateDiff;

/// <summary>
/// The <c>config.json</c> of an AnimateDiff motion adapter. Keys and defaults are those of huggingface/diffusers d035dcd7, MotionAdapter:
/// they describe the adapters v2 and v3.
/// </summary>
public sealed record MotionAdapterConfig
{
    /// <summary>The value of <c>_class_name</c> that these weights answer to.</summary>
    public const string Name = "MotionAdapter";

    [JsonPropertyName("_class_name")] public string ClassName { get; init; } = Name;
    /// <summary>Version of diffusers that wrote the file; without meaning here.</summary>
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    /// <summary>Where the publisher had the weights from; without meaning here.</summary>
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    /// <summary>Widths of the levels.</summary>
    public IReadOnlyList<int> BlockOutChannels { get; init; } = [320, 640, 1280, 1280];
    /// <summary>Motion modules of a level on the way down; one more on the way up.</summary>
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int> MotionLayersPerBlock { get; init; } = [2];
    /// <summary>Transformer blocks of a motion module.</summary>
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int> MotionTransformerLayersPerBlock { get; init; } = [1];
    public int MotionMidBlockLayersPerBlock { get; init; } = 1;
    public int MotionTransformerLayersPerMidBlock { get; init; } = 1;
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int> MotionNumAttentionHeads { get; init; } = [8];
    public int MotionNormNumGroups { get; init; } = 32;
    /// <summary>Frames of the longest clip.</summary>
    public int MotionMaxSeqLength { get; init; } = 32;
    /// <summary>Whether the coarsest level has a motion module: v2 and v3 do, v1 does not.</summary>
    public bool UseMotionMidBlock { get; init; } = true;
    /// <summary>Channels of a first convolution that replaces the picture model's (another family of adapters).</summary>
    public int? ConvInChannels { get; init; }

    /// <summary>Reads a file; keys that it leaves out have the defaults above.</summary>
    /// <exception cref="Kinora.Engine.ConfigException">It is not such a file; the message names every problem.</exception>
    public static MotionAdapterConfig Read(ConfigText text) =>
        ModelConfigJson.Read(text, AnimateDiffJson.Default.MotionAdapterConfig, ModelConfigJson.Write(new MotionAdapterConfig(), AnimateDiffJson.Default.MotionAdapterConfig));

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        int levels = BlockOutChannels.Count;
        var violations = new ConfigViolations("motion adapter config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.Require(levels > 0 && BlockOutChannels.All(c => c > 0), "`block_out_channels` must be positive numbers");
        UNet2DConditionConfig.RequirePerLevel(violations, "motion_layers_per_block", MotionLayersPerBlock, levels, least: 1);
        UNet2DConditionConfig.RequirePerLevel(violations, "motion_transformer_layers_per_block", MotionTransformerLayersPerBlock, levels, least: 1);
        UNet2DConditionConfig.RequirePerLevel(violations, "motion_num_attention_heads", MotionNumAttentionHeads, levels, least: 1);
        violations.Require(MotionNormNumGroups > 0 && BlockOutChannels.All(c => c % MotionNormNumGroups == 0), $"`motion_norm_num_groups` must divide every entry of `block_out_channels`, got {MotionNormNumGroups}");
        if (MotionNumAttentionHeads.Count == 1 || MotionNumAttentionHeads.Count == levels)
            violations.Require(BlockOutChannels.Select((c, i) => MotionNumAttentionHeads.At(i) > 0 && c % MotionNumAttentionHeads.At(i) == 0).All(fits => fits), "every entry of `block_out_channels` must be a multiple of `motion_num_attention_heads`");
        violations.RequirePositive("motion_mid_block_layers_per_block", MotionMidBlockLayersPerBlock);
        violations.RequirePositive("motion_transformer_layers_per_mid_block", MotionTransformerLayersPerMidBlock);
        violations.RequirePositive("motion_max_seq_length", MotionMaxSeqLength);
        violations.Require(ConvInChannels is null, "`conv_in_channels` is not supported: adapters that bring a first convolution of their own belong to another system");
        violations.ThrowIfAny();
    }
}
