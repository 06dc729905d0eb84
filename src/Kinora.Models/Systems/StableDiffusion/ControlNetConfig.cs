using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>The <c>config.json</c> of a ControlNet. Keys and defaults are those of huggingface/diffusers d035dcd7, ControlNetModel.</summary>
public sealed record ControlNetConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "ControlNetModel";

    [JsonPropertyName("_class_name")] public string ClassName { get; init; } = Name;
    /// <summary>Version of diffusers that wrote the file; without meaning here.</summary>
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    /// <summary>Where the publisher had the weights from; without meaning here.</summary>
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    public int InChannels { get; init; } = 4;
    /// <summary>Channels of the picture that controls.</summary>
    public int ConditioningChannels { get; init; } = 3;
    public bool FlipSinToCos { get; init; } = true;
    public double FreqShift { get; init; }
    public IReadOnlyList<string> DownBlockTypes { get; init; } = [UNet2DConditionConfig.CrossAttentionDown, UNet2DConditionConfig.CrossAttentionDown, UNet2DConditionConfig.CrossAttentionDown, UNet2DConditionConfig.Down];
    public string? MidBlockType { get; init; } = UNet2DConditionConfig.CrossAttentionMid;
    [JsonConverter(typeof(OneOrMoreBooleans))] public IReadOnlyList<bool> OnlyCrossAttention { get; init; } = [false];
    public IReadOnlyList<int> BlockOutChannels { get; init; } = [320, 640, 1280, 1280];
    public int LayersPerBlock { get; init; } = 2;
    public int DownsamplePadding { get; init; } = 1;
    public double MidBlockScaleFactor { get; init; } = 1;
    public string ActFn { get; init; } = "silu";
    public int? NormNumGroups { get; init; } = 32;
    public double NormEps { get; init; } = 1e-5;
    public int CrossAttentionDim { get; init; } = 1280;
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int> TransformerLayersPerBlock { get; init; } = [1];
    public int? EncoderHidDim { get; init; }
    public string? EncoderHidDimType { get; init; }
    /// <summary>The number of attention heads, whatever the key says, unless <see cref="NumAttentionHeads"/> is given.</summary>
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int> AttentionHeadDim { get; init; } = [8];
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int>? NumAttentionHeads { get; init; }
    public bool UseLinearProjection { get; init; }
    public string? ClassEmbedType { get; init; }
    public string? AdditionEmbedType { get; init; }
    public int? AdditionTimeEmbedDim { get; init; }
    public int? NumClassEmbeds { get; init; }
    public bool UpcastAttention { get; init; }
    public string ResnetTimeScaleShift { get; init; } = "default";
    public int? ProjectionClassEmbeddingsInputDim { get; init; }
    /// <summary>Order of the controlling picture's channels: rgb or bgr.</summary>
    public string ControlnetConditioningChannelOrder { get; init; } = "rgb";
    /// <summary>Widths of the controlling picture on its way to latent size.</summary>
    public IReadOnlyList<int> ConditioningEmbeddingOutChannels { get; init; } = [16, 32, 96, 256];
    /// <summary>Whether every residual is averaged over its positions.</summary>
    public bool GlobalPoolConditions { get; init; }
    public int AdditionEmbedTypeNumHeads { get; init; } = 64;

    /// <summary>Height and width of the controlling picture over those of the latents.</summary>
    [JsonIgnore] public int ConditionCompression => 1 << (ConditioningEmbeddingOutChannels.Count - 1);

    /// <summary>The U-Net whose way down this network repeats.</summary>
    internal UNet2DConditionConfig Unet() => new()
    {
        InChannels = InChannels, FlipSinToCos = FlipSinToCos, FreqShift = FreqShift, DownBlockTypes = DownBlockTypes, MidBlockType = MidBlockType,
        UpBlockTypes = [.. DownBlockTypes.Select(_ => UNet2DConditionConfig.Up)], OnlyCrossAttention = OnlyCrossAttention, BlockOutChannels = BlockOutChannels,
        LayersPerBlock = [LayersPerBlock], DownsamplePadding = DownsamplePadding, MidBlockScaleFactor = MidBlockScaleFactor, ActFn = ActFn, NormNumGroups = NormNumGroups,
        NormEps = NormEps, CrossAttentionDim = [CrossAttentionDim], TransformerLayersPerBlock = TransformerLayersPerBlock, EncoderHidDim = EncoderHidDim,
        EncoderHidDimType = EncoderHidDimType, AttentionHeadDim = AttentionHeadDim, NumAttentionHeads = NumAttentionHeads, UseLinearProjection = UseLinearProjection,
        ClassEmbedType = ClassEmbedType, AdditionEmbedType = AdditionEmbedType, AdditionTimeEmbedDim = AdditionTimeEmbedDim, NumClassEmbeds = NumClassEmbeds,
        ResnetTimeScaleShift = ResnetTimeScaleShift, ProjectionClassEmbeddingsInputDim = ProjectionClassEmbeddingsInputDim,
    };

    /// <summary>Reads a file; keys that it leaves out have the defaults above.</summary>
    /// <exception cref="Kinora.Engine.ConfigException">It is not such a file; the message names every problem.</exception>
    public static ControlNetConfig Read(ConfigText text) =>
        ModelConfigJson.Read(text, StableDiffusionJson.Default.ControlNetConfig, ModelConfigJson.Write(new ControlNetConfig(), StableDiffusionJson.Default.ControlNetConfig));

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("controlnet config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.RequirePositive("conditioning_channels", ConditioningChannels);
        violations.Require(ConditioningEmbeddingOutChannels.Count is > 0 and < 16 && ConditioningEmbeddingOutChannels.All(c => c > 0), "`conditioning_embedding_out_channels` must be positive numbers");
        violations.Require(ControlnetConditioningChannelOrder is "rgb" or "bgr", $"`controlnet_conditioning_channel_order` must be rgb or bgr, got \"{ControlnetConditioningChannelOrder}\"");
        violations.ThrowIfAny();
        Unet().Validate();
    }
}
