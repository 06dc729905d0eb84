using System.Text.Json.Serialization;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Models.Systems.ModelScope;

/// <summary>
/// The <c>unet/config.json</c> of ModelScope text-to-video and ZeroScope. Keys and defaults are those of huggingface/diffusers d035dcd7,
/// UNet3DConditionModel.
/// </summary>
public sealed record UNet3DConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "UNet3DConditionModel";

    internal const string CrossAttentionDown = "CrossAttnDownBlock3D", Down = "DownBlock3D", CrossAttentionUp = "CrossAttnUpBlock3D", Up = "UpBlock3D";

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
    public int LayersPerBlock { get; init; } = 2;
    public int DownsamplePadding { get; init; } = 1;
    /// <summary>What the sums of the middle's residual blocks are divided by.</summary>
    public double MidBlockScaleFactor { get; init; } = 1;
    public string ActFn { get; init; } = "silu";
    public int? NormNumGroups { get; init; } = 32;
    public double NormEps { get; init; } = 1e-5;
    /// <summary>Width of the text.</summary>
    public int CrossAttentionDim { get; init; } = 1024;
    /// <summary>Width of an attention head; the heads are as many as fit into a level's width.</summary>
    [JsonConverter(typeof(OneOrMoreIntegers))] public IReadOnlyList<int> AttentionHeadDim { get; init; } = [64];
    /// <summary>Not used by any published model: the reference refuses it.</summary>
    public int? NumAttentionHeads { get; init; }
    /// <summary>Width of a guidance embedding (latent consistency models).</summary>
    public int? TimeCondProjDim { get; init; }

    /// <summary>Width of the timestep embedding.</summary>
    [JsonIgnore] public int TembDim => 4 * BlockOutChannels[0];
    /// <summary>How many times height and width are halved.</summary>
    [JsonIgnore] public int Halvings => BlockOutChannels.Count - 1;

    /// <summary>Attention heads at a level.</summary>
    internal int Heads(int level) => BlockOutChannels[level] / AttentionHeadDim.At(level);

    /// <summary>Reads a file; keys that it leaves out have the defaults above.</summary>
    /// <exception cref="Kinora.Engine.ConfigException">It is not such a file; the message names every problem.</exception>
    public static UNet3DConfig Read(ConfigText text) =>
        ModelConfigJson.Read(text, ModelScopeJson.Default.UNet3DConfig, ModelConfigJson.Write(new UNet3DConfig(), ModelScopeJson.Default.UNet3DConfig));

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        int levels = BlockOutChannels.Count;
        var violations = new ConfigViolations("unet config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.RequirePositive("in_channels", InChannels);
        violations.RequirePositive("out_channels", OutChannels);
        violations.RequirePositive("layers_per_block", LayersPerBlock);
        violations.RequirePositive("cross_attention_dim", CrossAttentionDim);
        violations.Require(levels > 0 && BlockOutChannels.All(c => c > 0), "`block_out_channels` must be positive numbers");
        UNet2DConditionConfig.RequireTypes(violations, "down_block_types", DownBlockTypes, levels, CrossAttentionDown, Down);
        UNet2DConditionConfig.RequireTypes(violations, "up_block_types", UpBlockTypes, levels, CrossAttentionUp, Up);
        UNet2DConditionConfig.RequirePerLevel(violations, "attention_head_dim", AttentionHeadDim, levels, least: 1);
        UNet2DConditionConfig.RequireDivisible(violations, BlockOutChannels, AttentionHeadDim, NormNumGroups);
        violations.Require(NormEps > 0, $"`norm_eps` must be positive, got {NormEps}");
        violations.Require(DownsamplePadding is 0 or 1, $"`downsample_padding` must be 0 or 1, got {DownsamplePadding}");
        violations.Require(ActFn is "silu" or "swish", $"`act_fn` \"{ActFn}\" is not supported; silu is");
        violations.Require(NumAttentionHeads is null, "`num_attention_heads` is not supported; `attention_head_dim` says the width of a head");
        violations.ThrowIfAny();
    }
}
