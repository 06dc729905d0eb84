using System.Text.Json.Serialization;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Models.Systems.AnimateDiff;

/// <summary>
/// The <c>config.json</c> of a Stable Diffusion U-Net with its motion modules in one file. Keys and defaults are those of huggingface/diffusers
/// d035dcd7, UNetMotionModel. It says nothing that <see cref="Picture"/> and <see cref="Motion"/> do not say.
/// </summary>
public sealed record UNetMotionConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "UNetMotionModel";

    private const string CrossAttentionDown = "CrossAttnDownBlockMotion", Down = "DownBlockMotion", CrossAttentionUp = "CrossAttnUpBlockMotion", Up = "UpBlockMotion";

    [JsonPropertyName("_class_name")] public string ClassName { get; init; } = Name;
    /// <summary>Version of diffusers that wrote the file; without meaning here.</summary>
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    /// <summary>Where the publisher had the weights from; without meaning here.</summary>
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    /// <summary>Height and width of the latents in training.</summary>
    public int? SampleSize { get; init; }
    public int InChannels { get; init; } = 4;
    public int OutChannels { get; init; } = 4;
    public IReadOnlyList<string> DownBlockTypes { get; init; } = [CrossAttentionDown, CrossAttentionDown, CrossAttentionDown, Down];
    public IReadOnlyList<string> UpBlockTypes { get; init; } = [Up, CrossAttentionUp, CrossAttentionUp, CrossAttentionUp];
    /// <summary>Widths of the levels.</summary>
    public IReadOnlyList<int> BlockOutChannels { get; init; } = [320, 640, 1280, 1280];
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int> LayersPerBlock { get; init; } = [2];
    public int DownsamplePadding { get; init; } = 1;
    /// <summary>What the sums of the middle's residual blocks are divided by. The reference stores it and divides by 1.</summary>
    public double MidBlockScaleFactor { get; init; } = 1;
    public string ActFn { get; init; } = "silu";
    public int NormNumGroups { get; init; } = 32;
    public double NormEps { get; init; } = 1e-5;
    /// <summary>Width of the text.</summary>
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int> CrossAttentionDim { get; init; } = [1280];
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int> TransformerLayersPerBlock { get; init; } = [1];
    public IReadOnlyList<int>? ReverseTransformerLayersPerBlock { get; init; }
    /// <summary>Transformer blocks of a motion module.</summary>
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int> TemporalTransformerLayersPerBlock { get; init; } = [1];
    public IReadOnlyList<int>? ReverseTemporalTransformerLayersPerBlock { get; init; }
    public int? TransformerLayersPerMidBlock { get; init; }
    public int? TemporalTransformerLayersPerMidBlock { get; init; } = 1;
    /// <summary>Whether the transformers' projections are stored as linears.</summary>
    public bool UseLinearProjection { get; init; }
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int> NumAttentionHeads { get; init; } = [8];
    /// <summary>Frames of the longest clip.</summary>
    public int MotionMaxSeqLength { get; init; } = 32;
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int> MotionNumAttentionHeads { get; init; } = [8];
    public IReadOnlyList<int>? ReverseMotionNumAttentionHeads { get; init; }
    /// <summary>Whether the coarsest level has a motion module.</summary>
    public bool UseMotionMidBlock { get; init; } = true;
    public int MidBlockLayers { get; init; } = 1;
    public int? EncoderHidDim { get; init; }
    public string? EncoderHidDimType { get; init; }
    /// <summary>null or text_time (XL).</summary>
    public string? AdditionEmbedType { get; init; }
    /// <summary>Width of the phases of each added number.</summary>
    public int? AdditionTimeEmbedDim { get; init; }
    public int? ProjectionClassEmbeddingsInputDim { get; init; }
    /// <summary>Width of a guidance embedding (latent consistency models).</summary>
    public int? TimeCondProjDim { get; init; }

    /// <summary>The picture model in this network.</summary>
    [JsonIgnore] public UNet2DConditionConfig Picture => new()
    {
        SampleSize = SampleSize, InChannels = InChannels, OutChannels = OutChannels, DownBlockTypes = [.. DownBlockTypes.Select(OfPicture)], UpBlockTypes = [.. UpBlockTypes.Select(OfPicture)],
        BlockOutChannels = BlockOutChannels, LayersPerBlock = LayersPerBlock, DownsamplePadding = DownsamplePadding, ActFn = ActFn, NormNumGroups = NormNumGroups, NormEps = NormEps,
        CrossAttentionDim = CrossAttentionDim, TransformerLayersPerBlock = TransformerLayersPerBlock, ReverseTransformerLayersPerBlock = ReverseTransformerLayersPerBlock,
        UseLinearProjection = UseLinearProjection, NumAttentionHeads = NumAttentionHeads, EncoderHidDim = EncoderHidDim, EncoderHidDimType = EncoderHidDimType,
        AdditionEmbedType = AdditionEmbedType, AdditionTimeEmbedDim = AdditionTimeEmbedDim, ProjectionClassEmbeddingsInputDim = ProjectionClassEmbeddingsInputDim, TimeCondProjDim = TimeCondProjDim,
    };

    /// <summary>The motion modules in this network.</summary>
    [JsonIgnore] public MotionAdapterConfig Motion => new()
    {
        BlockOutChannels = BlockOutChannels, MotionLayersPerBlock = LayersPerBlock, MotionTransformerLayersPerBlock = TemporalTransformerLayersPerBlock, MotionMidBlockLayersPerBlock = MidBlockLayers,
        MotionTransformerLayersPerMidBlock = TemporalTransformerLayersPerMidBlock ?? TemporalTransformerLayersPerBlock[^1], MotionNumAttentionHeads = MotionNumAttentionHeads,
        MotionNormNumGroups = NormNumGroups, MotionMaxSeqLength = MotionMaxSeqLength, UseMotionMidBlock = UseMotionMidBlock,
    };

    /// <summary>Reads a file; keys that it leaves out have the defaults above.</summary>
    /// <exception cref="Kinora.Engine.ConfigException">It is not such a file; the message names every problem.</exception>
    public static UNetMotionConfig Read(ConfigText text) =>
        ModelConfigJson.Read(text, AnimateDiffJson.Default.UNetMotionConfig, ModelConfigJson.Write(new UNetMotionConfig(), AnimateDiffJson.Default.UNetMotionConfig));

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation of what only this file says.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("unet config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        UNet2DConditionConfig.RequireTypes(violations, "down_block_types", DownBlockTypes, BlockOutChannels.Count, CrossAttentionDown, Down);
        UNet2DConditionConfig.RequireTypes(violations, "up_block_types", UpBlockTypes, BlockOutChannels.Count, CrossAttentionUp, Up);
        violations.Require(MidBlockLayers == 1, $"`mid_block_layers` must be 1, got {MidBlockLayers}");
        violations.Require(TransformerLayersPerMidBlock is null || TransformerLayersPerMidBlock == TransformerLayersPerBlock[^1], "`transformer_layers_per_mid_block` must be that of the coarsest level");
        violations.Require(ReverseTemporalTransformerLayersPerBlock is null && ReverseMotionNumAttentionHeads is null, "`reverse_temporal_transformer_layers_per_block` and `reverse_motion_num_attention_heads` are not supported");
        violations.ThrowIfAny();
    }

    private static string OfPicture(string type) => type.Replace("Motion", "2D", StringComparison.Ordinal);
}
