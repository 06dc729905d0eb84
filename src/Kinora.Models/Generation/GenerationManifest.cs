using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Media;

namespace Kinora.Models.Generation;

/// <summary>Everything that decided a clip, and what came out: enough to make it again and to tell whether it is the same.</summary>
public sealed record GenerationManifest
{
    /// <summary>The format that this code writes and reads.</summary>
    public const int CurrentFormat = 1;

    /// <summary>Version of this record's layout.</summary>
    public required int Format { get; init; }
    /// <summary>Class of the pipeline.</summary>
    public required string Pipeline { get; init; }
    /// <summary>The model's name, or the path of its file of weights.</summary>
    public required string Model { get; init; }
    /// <summary>SHA-256 of the model's weights, configurations and vocabulary.</summary>
    public required string ModelSha256 { get; init; }
    public required string Prompt { get; init; }
    public required string NegativePrompt { get; init; }
    public required ulong Seed { get; init; }
    public required string Sampler { get; init; }
    public required int Steps { get; init; }
    /// <summary>Shift of the noise schedule; null where the model has none.</summary>
    public required double? Shift { get; init; }
    public required double Guidance { get; init; }
    public required double GuidanceRescale { get; init; }
    public required int Width { get; init; }
    public required int Height { get; init; }
    /// <summary>Frames that were generated, held ones included.</summary>
    public required int Frames { get; init; }
    public required double FrameRate { get; init; }
    /// <summary>The image or clip that was given; null for words alone.</summary>
    public required ManifestInput? Input { get; init; }
    /// <summary>What a ControlNet read; null without one.</summary>
    public ManifestControl? Control { get; init; }
    /// <summary>Components that stood elsewhere than in the model's folder or file; null for none.</summary>
    public ModelParts? Parts { get; init; }
    /// <summary>SHA-256 of every component that stood elsewhere, whatever its files were called; null for none.</summary>
    public IReadOnlyDictionary<string, string>? PartsSha256 { get; init; }
    /// <summary>Prompts over time; null for one prompt.</summary>
    public IReadOnlyList<StoryPart>? Story { get; init; }
    /// <summary>LoRA files on top of the model's weights; null for none.</summary>
    public IReadOnlyList<ManifestLora>? Loras { get; init; }
    /// <summary>When their changes were added: auto, fused or live; null without any.</summary>
    public string? LoraMode { get; init; }
    /// <summary>Step caching; null for none.</summary>
    public ManifestCache? Cache { get; init; }
    /// <summary>Pictures that later frames were to be; null for none.</summary>
    public IReadOnlyList<ManifestKeyframe>? Keyframes { get; init; }
    public required string Device { get; init; }
    /// <summary>Type of matrix products: fp32 or bf16.</summary>
    [JsonPropertyName("dtype")] public required string DType { get; init; }
    /// <summary>In which form weights were kept, a name of <see cref="Kinora.Engine.Checkpoints.WeightStorage"/>; null for what comes by itself.</summary>
    public string? Weights { get; init; }
    /// <summary>Whether the autoencoder worked in tiles: on or off; null for what comes by itself.</summary>
    public string? VaeTiling { get; init; }
    public required int Threads { get; init; }
    public required string Processor { get; init; }
    /// <summary>Instruction set of the CPU kernels, a name of <see cref="Kinora.Engine.CpuLevel"/>.</summary>
    public required string CpuLevel { get; init; }
    /// <summary>Native library and libtorch.</summary>
    public required string Engine { get; init; }
    /// <summary>Version of Kinora.</summary>
    public required string Version { get; init; }
    /// <summary>SHA-256 of all frames' RGB bytes in order, before encoding.</summary>
    public required string FramesSha256 { get; init; }

    /// <summary>The manifest as it stands in a container's metadata: one line of JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, GenerationJson.Default.GenerationManifest);

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="FormatException">It is not a manifest of a known format.</exception>
    public static GenerationManifest FromJson(string json)
    {
        try
        {
            GenerationManifest manifest = JsonSerializer.Deserialize(json, GenerationJson.Default.GenerationManifest) ?? throw new FormatException("the manifest is null");
            return manifest.Format == CurrentFormat ? manifest
                : throw new FormatException($"the manifest has format {manifest.Format}, this version of Kinora reads {CurrentFormat}");
        }
        catch (JsonException e)
        {
            throw new FormatException($"the manifest is damaged: {e.Message}", e);
        }
    }

    /// <summary>SHA-256 of frames' RGB bytes in order.</summary>
    public static string HashFrames(IEnumerable<VideoFrame> frames)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (VideoFrame frame in frames)
        {
            hash.AppendData(frame.Rgb);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}

/// <summary>What a clip was made from besides words.</summary>
public sealed record ManifestInput
{
    /// <summary>"image" for a first frame, "clip" for a continuation.</summary>
    public required string Kind { get; init; }
    /// <summary>Frames that were held.</summary>
    public required int HeldFrames { get; init; }
    /// <summary>SHA-256 of the given frames' RGB bytes before they were resized.</summary>
    public required string Sha256 { get; init; }
    /// <summary>The file, if the maker named one. Replay looks there.</summary>
    public string? Path { get; init; }
    /// <summary>How far a given image was led away from, 0 to 1; null where it was held.</summary>
    public double? Strength { get; init; }
    /// <summary>What a given image was said to show when it was inverted; null where it was not.</summary>
    public string? SourcePrompt { get; init; }
    /// <summary>Amount of motion asked for, for models that read one.</summary>
    public int? Motion { get; init; }
    /// <summary>Standard deviation of the noise added to a given image, for models that read one.</summary>
    public double? Noise { get; init; }
    /// <summary>The mask's file, if there was a mask and the maker named its file.</summary>
    public string? MaskPath { get; init; }
    /// <summary>SHA-256 of the mask's RGB bytes before it was resized; null without one.</summary>
    public string? MaskSha256 { get; init; }
}

/// <summary>Step caching, and what it saved.</summary>
public sealed record ManifestCache
{
    /// <summary>Drift up to which work was reused.</summary>
    public required double Threshold { get; init; }
    /// <summary>Network calls.</summary>
    public required int Calls { get; init; }
    /// <summary>Those of them in which only the first block ran.</summary>
    public required int Skipped { get; init; }
}

/// <summary>A picture that a later frame was to be.</summary>
public sealed record ManifestKeyframe
{
    /// <summary>The frame, from 1.</summary>
    public required int Frame { get; init; }
    /// <summary>SHA-256 of the picture's RGB bytes before it was resized.</summary>
    public required string Sha256 { get; init; }
    /// <summary>The picture's file, if the maker named one.</summary>
    public string? Path { get; init; }
}

/// <summary>A LoRA file on top of a model's weights.</summary>
public sealed record ManifestLora
{
    /// <summary>The file.</summary>
    public required string Path { get; init; }
    /// <summary>How strongly it counted.</summary>
    public required double Weight { get; init; }
    /// <summary>SHA-256 of the file.</summary>
    public required string Sha256 { get; init; }
}

/// <summary>What controlled a clip besides words.</summary>
public sealed record ManifestControl
{
    /// <summary>The folder or file of the ControlNet.</summary>
    public required string ControlNet { get; init; }
    /// <summary>SHA-256 of its weights and configuration, whatever a single file was called; null in clips of versions that did not record it.</summary>
    public string? ControlNetSha256 { get; init; }
    /// <summary>Its strength.</summary>
    public required double Strength { get; init; }
    /// <summary>SHA-256 of the picture's RGB bytes before it was resized.</summary>
    public required string Sha256 { get; init; }
    /// <summary>The picture's file, if the maker named one.</summary>
    public string? Path { get; init; }
}

/// <summary>Source-generated JSON of manifests.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(GenerationManifest))]
internal sealed partial class GenerationJson : JsonSerializerContext;
