using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.World;

/// <summary>
/// The ground truth of a clip as JSON. Pixels are counted from the upper left corner; a pixel's center lies at + 0.5; words are
/// those of the vocabularies in snake case.
/// </summary>
public sealed record SceneTruth
{
    /// <summary>The scene's seed in decimal: a string, because JSON readers commonly lose 64-bit integers.</summary>
    public required string Seed { get; init; }

    public required int Width { get; init; }

    public required int Height { get; init; }

    public required int Frames { get; init; }

    public required double Fps { get; init; }

    public required string Setting { get; init; }

    public required CameraTruth Camera { get; init; }

    /// <summary>How the first actor stands to the second; null for one actor.</summary>
    public required string? Relation { get; init; }

    /// <summary>Seconds at which the shot changes; empty, for every clip is a single shot.</summary>
    public required IReadOnlyList<double> CutTimes { get; init; }

    public required IReadOnlyList<ActorTruth> Actors { get; init; }

    /// <summary>One line of JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, SceneTruthJson.Default.SceneTruth);

    /// <exception cref="JsonException">The text is no ground truth.</exception>
    public static SceneTruth FromJson(string json) =>
        JsonSerializer.Deserialize(json, SceneTruthJson.Default.SceneTruth) ?? throw new JsonException("ground truth: expected an object, got null.");
}

/// <summary>The camera's move, and where it looks in every frame. Actors are not moved by it.</summary>
public sealed record CameraTruth(string Move, IReadOnlyList<CameraPose> Frames);

/// <param name="OffsetX">How far right of the setting's middle the camera looks, pixels.</param>
/// <param name="Magnification">Setting's size in the frame over its size with a static camera.</param>
public sealed record CameraPose(double OffsetX, double Magnification);

/// <summary>One actor over the clip.</summary>
public sealed record ActorTruth
{
    public required string Noun { get; init; }

    public required string Color { get; init; }

    public required string Motion { get; init; }

    /// <summary>0 is nearest to the viewer.</summary>
    public required int Depth { get; init; }

    public required IReadOnlyList<ActorFrameTruth> Frames { get; init; }
}

/// <summary>One actor in one frame.</summary>
public sealed record ActorFrameTruth
{
    /// <summary>x, y, width, height of the pixels in the frame that the actor covers at least half, hidden or not; null outside the frame.</summary>
    public required IReadOnlyList<int>? Box { get; init; }

    /// <summary>x and y of the actor's center, pixels.</summary>
    public required IReadOnlyList<double> Center { get; init; }

    /// <summary>Side of the square that the noun fills, pixels.</summary>
    public required double Size { get; init; }

    /// <summary>Full circles clockwise.</summary>
    public required double Turns { get; init; }

    /// <summary>Mean velocity of the center until the next frame, x and y, pixels per second; null in the last frame.</summary>
    public required IReadOnlyList<double>? Velocity { get; init; }

    /// <summary>The part of the actor that can be seen, 0 … 1: inside the frame and not behind another actor.</summary>
    public required double Visibility { get; init; }
}

/// <summary>The vocabularies' words as ground truth and manifests spell them: night_city, pan_left.</summary>
public static class TruthWords
{
    public static string Of<T>(T word) where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(word.ToString());
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(SceneTruth))]
internal sealed partial class SceneTruthJson : JsonSerializerContext;
