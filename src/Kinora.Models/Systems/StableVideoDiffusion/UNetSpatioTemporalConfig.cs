using System.Text.Json.Serialization;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Models.Systems.StableVideoDiffusion;

/// <summary>
/// The <c>unet/config.json</c> of Stable Video Diffusion. Keys and defaults are those of huggingface/diffusers d035dcd7,
/// UNetSpatioTemporalConditionModel.
/// </summary>
public sealed record UNetSpatioTemporalConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "UNetSpatioTemporalConditionModel";

    internal const string CrossAttentionDown = "CrossAttnDownBlockSpatioTemporal", Down = "DownBlockSpatioTemporal",
        CrossAttentionUp = "CrossAttnUpBlockSpatioTemporal", Up = "UpBlockSpatioTemporal";

    [JsonPropertyName("_class_name")] public string ClassName { get; init; } = Name;
    /// <summary>Version of diffusers that wrote the file; without meaning here.</summary>
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    /// <summary>Where the publisher had the weights from; without meaning here.</summary>
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    /// <summary>Height and width of the latents in training.</summary>
    public int? SampleSize { get; init; }
    /// <summary>Channels of the noisy latents and of the picture's latents together.</summary>
    public int InChannels { get; init; } = 8;
    public int OutChannels { get; init; } = 4;
    public IReadOnlyList<string> DownBlockTypes { get; init; } = [CrossAttentionDown, CrossAttentionDown, CrossAttentionDown, Down];
    public IReadOnlyList<string> UpBlockTypes { get; init; } = [Up, CrossAttentionUp, CrossAttentionUp, CrossAttentionUp];
    /// <summary>Widths of the levels.</summary>
    public IReadOnlyList<int> BlockOutChannels { get; init; } = [320, 640, 1280, 1280];
    /// <summary>Width of the phases of each added number.</summary>
    public int AdditionTimeEmbedDim { get; init; } = 256;
    /// <summary>Width of the phases of all added numbers: frames per second, motion, noise of the picture.</summary>
    public int ProjectionClassEmbeddingsInputDim { get; init; } = 768;
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int> LayersPerBlock { get; init; } = [2];
    /// <summary>Width of the picture's embedding.</summary>
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int> CrossAttentionDim { get; init; } = [1024];
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int> TransformerLayersPerBlock { get; init; } = [1];
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int> NumAttentionHeads { get; init; } = [5, 10, 20, 20];
    /// <summary>Frames of a clip in training.</summary>
    public int NumFrames { get; init; } = 25;

    /// <summary>Width of the timestep embedding.</summary>
    [JsonIgnore] public int TembDim => 4 * BlockOutChannels[0];
    /// <summary>How many numbers are added to the timestep.</summary>
    [JsonIgnore] public int AddedNumbers => ProjectionClassEmbeddingsInputDim / AdditionTimeEmbedDim;

    /// <summary>Reads a file; keys that it leaves out have the defaults above.</summary>
    /// <exception cref="Kinora.Engine.ConfigException">It is not such a file; the message names every problem.</exception>
    public static UNetSpatioTemporalConfig Read(ConfigText text) =>
        ModelConfigJson.Read(text, StableVideoDiffusionJson.Default.UNetSpatioTemporalConfig, ModelConfigJson.Write(new UNetSpatioTemporalConfig(), StableVideoDiffusionJson.Default.UNetSpatioTemporalConfig));

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        const int Groups = 32;                                                                   // of every group norm, not configurable
        int levels = BlockOutChannels.Count;
        var violations = new ConfigViolations("unet config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.RequirePositive("in_channels", InChannels);
        violations.RequirePositive("out_channels", OutChannels);
        violations.RequirePositive("num_frames", NumFrames);
        violations.Require(levels > 0 && BlockOutChannels.All(c => c > 0), "`block_out_channels` must be positive numbers");
        UNet2DConditionConfig.RequireTypes(violations, "down_block_types", DownBlockTypes, levels, CrossAttentionDown, Down);
        UNet2DConditionConfig.RequireTypes(violations, "up_block_types", UpBlockTypes, levels, CrossAttentionUp, Up);
        UNet2DConditionConfig.RequirePerLevel(violations, "layers_per_block", LayersPerBlock, levels, least: 1);
        UNet2DConditionConfig.RequirePerLevel(violations, "cross_attention_dim", CrossAttentionDim, levels, least: 1);
        UNet2DConditionConfig.RequirePerLevel(violations, "transformer_layers_per_block", TransformerLayersPerBlock, levels, least: 1);
        UNet2DConditionConfig.RequirePerLevel(violations, "num_attention_heads", NumAttentionHeads, levels, least: 1);
        UNet2DConditionConfig.RequireDivisible(violations, BlockOutChannels, NumAttentionHeads, Groups);
        violations.Require(AdditionTimeEmbedDim > 0 && ProjectionClassEmbeddingsInputDim > 0 && ProjectionClassEmbeddingsInputDim % AdditionTimeEmbedDim == 0,
            $"`projection_class_embeddings_input_dim` must be a multiple of `addition_time_embed_dim`, got {ProjectionClassEmbeddingsInputDim} and {AdditionTimeEmbedDim}");
        violations.ThrowIfAny();
    }
}
