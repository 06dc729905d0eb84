using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Engine;

namespace Kinora.Evaluation.Probes;

/// <summary>The <c>config.json</c> beside a finder's weights.</summary>
public sealed record ThingFinderConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "KinoraThingFinder";

    /// <summary>Convolutions of the network; their strides multiply to <see cref="ThingFinder.Stride"/>.</summary>
    public const int Layers = 6;

    [JsonPropertyName("_class_name")] public required string ClassName { get; init; }
    /// <summary>Pixels of a clip's side; width and height are equal.</summary>
    public required int Size { get; init; }
    /// <summary>Frames of a clip.</summary>
    public required int Frames { get; init; }
    /// <summary>Channels of the convolutions.</summary>
    public required IReadOnlyList<int> Channels { get; init; }
    /// <summary>What things can be; the words of the world in use.</summary>
    public required IReadOnlyList<string> Nouns { get; init; }
    /// <summary>What colors they can have; the words of the world in use.</summary>
    public required IReadOnlyList<string> Colors { get; init; }

    /// <summary>The finder that ships: 64×64 pixels, 17 frames, 0.5 million parameters.</summary>
    public static ThingFinderConfig Default { get; } = Create(64, 17, [32, 64, 96, 128, 128, 128]);

    /// <summary>A finder of the things of the world in use.</summary>
    public static ThingFinderConfig Create(int size, int frames, IReadOnlyList<int> channels) => new()
    {
        ClassName = Name, Size = size, Frames = frames, Channels = channels, Nouns = ProbeAttribute.All[0].Classes, Colors = ProbeAttribute.All[1].Classes,
    };

    /// <summary>Throws <see cref="ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new List<string>();
        void Require(bool holds, string violation)
        {
            if (!holds)
                violations.Add(violation);
        }

        Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        Require(Size >= 16 && Size % 16 == 0, $"`size` must be a multiple of 16, got {Size}");
        Require(Frames >= ThingReading.Looks, $"`frames` must be at least {ThingReading.Looks}, got {Frames}");
        Require(Channels.Count == Layers && Channels.All(c => c > 0 && c % 8 == 0), $"`channels` must be {Layers} multiples of 8");
        Require(Nouns.SequenceEqual(ProbeAttribute.All[0].Classes) && Colors.SequenceEqual(ProbeAttribute.All[1].Classes), "`nouns` and `colors` are not those of this version's world; train the finder again with: kinora bench quality --retrain");
        if (violations.Count > 0)
            throw new ConfigException($"finder config: {string.Join("; ", violations)}.");
    }
}

/// <summary>Source-generated JSON of the finder's files; bound strictly by <see cref="Kinora.Models.ModelConfigJson"/>.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true, WriteIndented = true)]
[JsonSerializable(typeof(ThingFinderConfig))]
[JsonSerializable(typeof(ThingTrainingOptions))]
internal sealed partial class ThingFinderJson : JsonSerializerContext;
