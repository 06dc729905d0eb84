using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>
/// The <c>unet/config.json</c> of Stable Diffusion 1, 2 and XL. Keys and defaults are those of huggingface/diffusers d035dcd7,
/// UNet2DConditionModel: older files leave many of them out.
/// </summary>
public sealed record UNet2DConditionConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "UNet2DConditionModel";

    internal const string CrossAttentionDown = "CrossAttnDownBlock2D", Down = "DownBlock2D", CrossAttentionUp = "CrossAttnUpBlock2D", Up = "UpBlock2D",
        CrossAttentionMid = "UNetMidBlock2DCrossAttn", Mid = "UNetMidBlock2D";

    [JsonPropertyName("_class_name")] public string ClassName { get; init; } = Name;
    /// <summary>Version of diffusers that wrote the file; without meaning here.</summary>
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    /// <summary>Where the publisher had the weights from; without meaning here.</summary>
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    /// <summary>Height and width of the latents in training.</summary>
    public int? SampleSize { get; init; }
    /// <summary>Channels of a latent; 9 for inpainting (latents, mask, masked picture).</summary>
    public int InChannels { get; init; } = 4;
    public int OutChannels { get; init; } = 4;
    /// <summary>Whether the input is 2x − 1.</summary>
    public bool CenterInputSample { get; init; }
    /// <summary>Cosines before sines in the timestep's phases.</summary>
    public bool FlipSinToCos { get; init; } = true;
    public double FreqShift { get; init; }
    public IReadOnlyList<string> DownBlockTypes { get; init; } = [CrossAttentionDown, CrossAttentionDown, CrossAttentionDown, Down];
    /// <summary>Null for a network without a middle.</summary>
    public string? MidBlockType { get; init; } = CrossAttentionMid;
    public IReadOnlyList<string> UpBlockTypes { get; init; } = [Up, CrossAttentionUp, CrossAttentionUp, CrossAttentionUp];
    /// <summary>Whether the first attention of a block is to the text as well.</summary>
    [JsonConverter(typeof(OneOrMoreBooleans))] public IReadOnlyList<bool> OnlyCrossAttention { get; init; } = [false];
    /// <summary>Widths of the levels.</summary>
    public IReadOnlyList<int> BlockOutChannels { get; init; } = [320, 640, 1280, 1280];
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int> LayersPerBlock { get; init; } = [2];
    public int DownsamplePadding { get; init; } = 1;
    /// <summary>What the sums of the middle's residual blocks are divided by.</summary>
    public double MidBlockScaleFactor { get; init; } = 1;
    /// <summary>Used in training only.</summary>
    public double Dropout { get; init; }
    public string ActFn { get; init; } = "silu";
    public int? NormNumGroups { get; init; } = 32;
    public double NormEps { get; init; } = 1e-5;
    /// <summary>Width of the text as the blocks attend to it.</summary>
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int> CrossAttentionDim { get; init; } = [1280];
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int> TransformerLayersPerBlock { get; init; } = [1];
    public IReadOnlyList<int>? ReverseTransformerLayersPerBlock { get; init; }
    /// <summary>Width of the text where it is projected first.</summary>
    public int? EncoderHidDim { get; init; }
    public string? EncoderHidDimType { get; init; }
    /// <summary>The number of attention heads, whatever the key says, unless <see cref="NumAttentionHeads"/> is given.</summary>
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int> AttentionHeadDim { get; init; } = [8];
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int>? NumAttentionHeads { get; init; }
    public bool DualCrossAttention { get; init; }
    /// <summary>Whether the transformers' projections are stored as linears.</summary>
    public bool UseLinearProjection { get; init; }
    /// <summary>null, timestep, identity, projection or simple_projection.</summary>
    public string? ClassEmbedType { get; init; }
    /// <summary>null or text_time (XL).</summary>
    public string? AdditionEmbedType { get; init; }
    /// <summary>Width of the phases of each added number.</summary>
    public int? AdditionTimeEmbedDim { get; init; }
    public int? NumClassEmbeds { get; init; }
    /// <summary>Attention in float32. It always accumulates in float32 here.</summary>
    public bool UpcastAttention { get; init; }
    /// <summary>default (added) or scale_shift.</summary>
    public string ResnetTimeScaleShift { get; init; } = "default";
    public bool ResnetSkipTimeAct { get; init; }
    public double ResnetOutScaleFactor { get; init; } = 1;
    public string TimeEmbeddingType { get; init; } = "positional";
    public int? TimeEmbeddingDim { get; init; }
    public string? TimeEmbeddingActFn { get; init; }
    public string? TimestepPostAct { get; init; }
    /// <summary>Width of a guidance embedding (latent consistency models).</summary>
    public int? TimeCondProjDim { get; init; }
    public int ConvInKernel { get; init; } = 3;
    public int ConvOutKernel { get; init; } = 3;
    /// <summary>Width of what <see cref="ClassEmbedType"/> or <see cref="AdditionEmbedType"/> projects.</summary>
    public int? ProjectionClassEmbeddingsInputDim { get; init; }
    public string AttentionType { get; init; } = "default";
    public bool ClassEmbeddingsConcat { get; init; }
    public bool? MidBlockOnlyCrossAttention { get; init; }
    public string? CrossAttentionNorm { get; init; }
    public int AdditionEmbedTypeNumHeads { get; init; } = 64;

    /// <summary>Stable Diffusion 1.5.</summary>
    public static UNet2DConditionConfig StableDiffusion15 { get; } = new() { SampleSize = 64, CrossAttentionDim = [768] };

    /// <summary>Stable Diffusion 2.1.</summary>
    public static UNet2DConditionConfig StableDiffusion21 { get; } = new() { SampleSize = 96, CrossAttentionDim = [1024], AttentionHeadDim = [5, 10, 20, 20], UseLinearProjection = true };

    /// <summary>Width of the timestep embedding.</summary>
    [JsonIgnore] public int TembDim => TimeEmbeddingDim ?? 4 * BlockOutChannels[0];
    /// <summary>Width of what residual blocks read.</summary>
    [JsonIgnore] public int BlockTembDim => ClassEmbeddingsConcat ? 2 * TembDim : TembDim;

    /// <summary>What the timestep and the other conditions are embedded by.</summary>
    [JsonIgnore] internal UNetEmbeddingShape Embedding => new(BlockOutChannels[0], TembDim, FlipSinToCos, FreqShift, TimeCondProjDim, ClassEmbedType, NumClassEmbeds, ClassEmbeddingsConcat,
        AdditionEmbedType, AdditionTimeEmbedDim ?? 0, ProjectionClassEmbeddingsInputDim ?? 0);

    /// <summary>What a block at a level is made of.</summary>
    internal UNetBlockShape BlockAt(int level, int? transformerLayers = null) => new(
        BlockTembDim, NormNumGroups ?? 0, NormEps, ResnetTimeScaleShift == "scale_shift", CrossAttentionDim.At(level), (NumAttentionHeads ?? AttentionHeadDim).At(level),
        transformerLayers ?? TransformerLayersPerBlock.At(level), UseLinearProjection, OnlyCrossAttention.At(level));

    /// <summary>Transformer blocks of the up block that mirrors a level.</summary>
    internal int UpTransformerLayers(int level) => ReverseTransformerLayersPerBlock is { } reverse ? reverse.At(BlockOutChannels.Count - 1 - level) : TransformerLayersPerBlock.At(level);

    /// <summary>Reads a file; keys that it leaves out have the defaults above.</summary>
    /// <exception cref="Kinora.Engine.ConfigException">It is not such a file; the message names every problem.</exception>
    public static UNet2DConditionConfig Read(ConfigText text) =>
        ModelConfigJson.Read(text, StableDiffusionJson.Default.UNet2DConditionConfig, ModelConfigJson.Write(new UNet2DConditionConfig(), StableDiffusionJson.Default.UNet2DConditionConfig));

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        int levels = BlockOutChannels.Count;
        var violations = new ConfigViolations("unet config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.RequirePositive("in_channels", InChannels);
        violations.RequirePositive("out_channels", OutChannels);
        violations.Require(levels > 0 && BlockOutChannels.All(c => c > 0), "`block_out_channels` must be positive numbers");
        RequireTypes(violations, "down_block_types", DownBlockTypes, levels, CrossAttentionDown, Down);
        RequireTypes(violations, "up_block_types", UpBlockTypes, levels, CrossAttentionUp, Up);
        violations.Require(MidBlockType is null or CrossAttentionMid or Mid, $"`mid_block_type` \"{MidBlockType}\" is not supported; {CrossAttentionMid}, {Mid} and null are");
        RequireCount(violations, "only_cross_attention", OnlyCrossAttention.Count, levels);
        RequirePerLevel(violations, "layers_per_block", LayersPerBlock, levels, least: 1);
        RequirePerLevel(violations, "cross_attention_dim", CrossAttentionDim, levels, least: 1);
        RequirePerLevel(violations, "transformer_layers_per_block", TransformerLayersPerBlock, levels, least: 0);
        RequirePerLevel(violations, "reverse_transformer_layers_per_block", ReverseTransformerLayersPerBlock ?? [0], levels, least: 0);
        RequirePerLevel(violations, "attention_head_dim", AttentionHeadDim, levels, least: 1);
        RequirePerLevel(violations, "num_attention_heads", NumAttentionHeads ?? [1], levels, least: 1);
        RequireDivisible(violations, BlockOutChannels, NumAttentionHeads ?? AttentionHeadDim, NormNumGroups);
        violations.Require(NormEps > 0, $"`norm_eps` must be positive, got {NormEps}");
        violations.Require(DownsamplePadding is 0 or 1, $"`downsample_padding` must be 0 or 1, got {DownsamplePadding}");
        violations.Require(ConvInKernel > 0 && ConvInKernel % 2 == 1 && ConvOutKernel > 0 && ConvOutKernel % 2 == 1, "`conv_in_kernel` and `conv_out_kernel` must be odd");
        violations.Require(ActFn is "silu" or "swish", $"`act_fn` \"{ActFn}\" is not supported; silu is");
        violations.Require(ResnetTimeScaleShift is "default" or "scale_shift", $"`resnet_time_scale_shift` must be default or scale_shift, got \"{ResnetTimeScaleShift}\"");
        violations.Require(TimeEmbeddingType == "positional", $"`time_embedding_type` \"{TimeEmbeddingType}\" is not supported; positional is");
        violations.Require(TimeEmbeddingActFn is null && TimestepPostAct is null, "`time_embedding_act_fn` and `timestep_post_act` are not supported");
        violations.Require(ClassEmbedType is null or "timestep" or "identity" or "projection" or "simple_projection", $"`class_embed_type` \"{ClassEmbedType}\" is unknown");
        violations.Require(AdditionEmbedType is null or "text_time", $"`addition_embed_type` \"{AdditionEmbedType}\" is not supported; text_time is");
        violations.Require(AdditionEmbedType is null || AdditionTimeEmbedDim > 0, "`addition_time_embed_dim` must be positive with text_time");
        violations.Require((AdditionEmbedType is null && ClassEmbedType is not ("projection" or "simple_projection")) || ProjectionClassEmbeddingsInputDim > 0, "`projection_class_embeddings_input_dim` must be positive");
        violations.Require(EncoderHidDimType is null or "text_proj", $"`encoder_hid_dim_type` \"{EncoderHidDimType}\" is not supported; text_proj is");
        violations.Require(EncoderHidDimType is null || EncoderHidDim > 0, "`encoder_hid_dim` must be positive");
        violations.Require(AttentionType == "default", $"`attention_type` \"{AttentionType}\" is not supported; default is");
        violations.Require(!DualCrossAttention, "`dual_cross_attention` is not supported");
        violations.Require(CrossAttentionNorm is null, "`cross_attention_norm` is not supported");
        violations.ThrowIfAny();
    }

    internal static void RequireTypes(ConfigViolations violations, string key, IReadOnlyList<string> types, int levels, params string[] known)
    {
        violations.Require(types.Count == levels, $"`{key}` must have {levels} entries like `block_out_channels`, got {types.Count}");
        foreach (string type in types.Except(known))
            violations.Require(false, $"`{key}`: \"{type}\" is not supported; {string.Join(" and ", known)} are");
    }

    internal static void RequirePerLevel(ConfigViolations violations, string key, IReadOnlyList<int> values, int levels, int least)
    {
        RequireCount(violations, key, values.Count, levels);
        violations.Require(values.All(v => v >= least), $"`{key}` must be at least {least}");
    }

    internal static void RequireDivisible(ConfigViolations violations, IReadOnlyList<int> channels, IReadOnlyList<int> heads, int? groups)
    {
        violations.Require(groups is > 0 && channels.All(c => c % groups == 0), $"`norm_num_groups` must divide every entry of `block_out_channels`, got {groups}");
        if (heads.Count == 1 || heads.Count == channels.Count)
            violations.Require(channels.Select((c, i) => heads.At(i) > 0 && c % heads.At(i) == 0).All(fits => fits), "every entry of `block_out_channels` must be a multiple of its number of attention heads");
    }

    private static void RequireCount(ConfigViolations violations, string key, int count, int levels) =>
        violations.Require(count == 1 || count == levels, $"`{key}` must be one value or {levels}, got {count}");
}
