using System.Text.Json.Serialization;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Models.Systems.VqModel;

/// <summary>The <c>config.json</c> of a picture tokenizer with one codebook. Keys and defaults are those of huggingface/diffusers d035dcd7, VQModel.</summary>
public sealed record VqModelConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "VQModel";

    [JsonPropertyName("_class_name")] public string ClassName { get; init; } = Name;
    /// <summary>Version of diffusers that wrote the file; without meaning here.</summary>
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    /// <summary>Where the publisher had the weights from; without meaning here.</summary>
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    public int InChannels { get; init; } = 3;
    public int OutChannels { get; init; } = 3;
    public IReadOnlyList<string> DownBlockTypes { get; init; } = ["DownEncoderBlock2D"];
    public IReadOnlyList<string> UpBlockTypes { get; init; } = ["UpDecoderBlock2D"];
    /// <summary>Widths of the levels, fine to coarse.</summary>
    public IReadOnlyList<int> BlockOutChannels { get; init; } = [64];
    public int LayersPerBlock { get; init; } = 1;
    public string ActFn { get; init; } = "silu";
    public int LatentChannels { get; init; } = 3;
    public int SampleSize { get; init; } = 32;
    /// <summary>Codes in the book.</summary>
    public int NumVqEmbeddings { get; init; } = 256;
    public int NormNumGroups { get; init; } = 32;
    /// <summary>Numbers in a code; by default the latent channels.</summary>
    public int? VqEmbedDim { get; init; }
    public double ScalingFactor { get; init; } = 0.18215;
    public string NormType { get; init; } = "group";
    public bool MidBlockAddAttention { get; init; } = true;
    public bool LookupFromCodebook { get; init; }
    public bool ForceUpcast { get; init; }

    /// <summary>Numbers in a code.</summary>
    [JsonIgnore] public int CodeDim => VqEmbedDim ?? LatentChannels;

    /// <summary>The same networks around the codebook as around the moments of an autoencoder.</summary>
    [JsonIgnore]
    public AutoencoderKlConfig Networks => new()
    {
        InChannels = InChannels, OutChannels = OutChannels, DownBlockTypes = DownBlockTypes, UpBlockTypes = UpBlockTypes, BlockOutChannels = BlockOutChannels, LayersPerBlock = LayersPerBlock,
        ActFn = ActFn, LatentChannels = LatentChannels, SampleSize = SampleSize, NormNumGroups = NormNumGroups, ScalingFactor = ScalingFactor, MidBlockAddAttention = MidBlockAddAttention,
    };

    /// <summary>Reads a file; keys that it leaves out have the defaults above.</summary>
    /// <exception cref="Engine.ConfigException">It is not such a file; the message names every problem.</exception>
    public static VqModelConfig Read(ConfigText text) => ModelConfigJson.Read(text, VqModelJson.Default.VqModelConfig, ModelConfigJson.Write(new VqModelConfig(), VqModelJson.Default.VqModelConfig));

    /// <summary>Throws <see cref="Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("vq config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.RequirePositive("num_vq_embeddings", NumVqEmbeddings);
        violations.RequirePositive("vq_embed_dim", CodeDim);
        violations.Require(NormType == "group", $"`norm_type` \"{NormType}\" is not supported; group is");
        violations.Require(!LookupFromCodebook, "`lookup_from_codebook` is not supported: indices in place of latents");
        violations.ThrowIfAny();
        Networks.Validate();
    }
}

/// <summary>Source-generated JSON of the configuration. Bind through <see cref="ModelConfigJson"/>, which is strict.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true, WriteIndented = true)]
[JsonSerializable(typeof(VqModelConfig))]
public sealed partial class VqModelJson : JsonSerializerContext;
