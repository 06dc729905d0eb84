using System.Text.Json.Serialization;
using Kinora.Models.Systems.KinoraWorld;

namespace Kinora.Models.Systems.KinoraWorldClip;

/// <summary>The <c>config.json</c> of a text–clip model of the procedural world.</summary>
public sealed record TextClipConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "KinoraTextClip";

    [JsonPropertyName("_class_name")] public required string ClassName { get; init; }
    /// <summary>Pixels of a clip's side; width and height are equal.</summary>
    public required int Size { get; init; }
    /// <summary>Frames of a clip.</summary>
    public required int Frames { get; init; }
    /// <summary>Channels of the convolutions that look at single frames.</summary>
    public required IReadOnlyList<int> AppearanceChannels { get; init; }
    /// <summary>Channels of the convolutions that look at change over time.</summary>
    public required IReadOnlyList<int> MotionChannels { get; init; }
    /// <summary>Width of the hidden layer between the columns and the embedding.</summary>
    public required int HeadSize { get; init; }
    /// <summary>Numbers of an embedding.</summary>
    public required int ProjectionDim { get; init; }
    /// <summary>Tokens that captions are padded to; longer ones are refused.</summary>
    public required int CaptionTokens { get; init; }
    /// <summary>The text encoder.</summary>
    public required TextEncoderConfig TextEncoder { get; init; }

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("text–clip config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.Require(Size >= 16 && Size % 16 == 0, $"`size` must be a multiple of 16, got {Size}");
        violations.Require(Frames >= ClipColumns.Stills, $"`frames` must be at least {ClipColumns.Stills}, got {Frames}");
        violations.Require(ClipColumns.AreChannels(AppearanceChannels, MotionChannels), "`appearance_channels` must be five and `motion_channels` four multiples of 8");
        violations.RequirePositive("head_size", HeadSize);
        violations.RequirePositive("projection_dim", ProjectionDim);
        violations.Require(CaptionTokens > 0 && CaptionTokens <= TextEncoder.MaxPositionEmbeddings, $"`caption_tokens` must be within 1 and the text encoder's {TextEncoder.MaxPositionEmbeddings}, got {CaptionTokens}");
        violations.ThrowIfAny();
        TextEncoder.Validate();
    }
}

/// <summary>Source-generated JSON of the configuration; bind through <see cref="ModelConfigJson"/>, which is strict.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true, WriteIndented = true)]
[JsonSerializable(typeof(TextClipConfig))]
internal sealed partial class TextClipJson : JsonSerializerContext;
