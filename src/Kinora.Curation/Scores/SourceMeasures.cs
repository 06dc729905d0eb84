using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Curation.Scores;

/// <summary>Everything measured on one source file in one pass: immutable, kept under the file's hash and the options' key.</summary>
public sealed record SourceMeasures
{
    /// <summary>SHA-256 of the file, lower-case hexadecimal.</summary>
    public required string Sha256 { get; init; }

    /// <summary><see cref="MeasureOptions.Key"/> of the options it was measured with.</summary>
    public required string Options { get; init; }

    /// <summary>Why nothing could be measured; null when something was.</summary>
    public string? Failure { get; init; }

    /// <summary>Why decoding stopped before the end; null when it did not.</summary>
    public string? Damage { get; init; }

    /// <summary>What the container says; null after a failure.</summary>
    public SourceFacts? Facts { get; init; }

    /// <summary>The clips in order of time.</summary>
    public IReadOnlyList<ClipMeasures> Clips { get; init; } = [];

    /// <summary>Numbers along the source for its timeline.</summary>
    public SourceSeries Series { get; init; } = new();

    /// <summary>The record as JSON.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, MeasureJson.Default.SourceMeasures);

    /// <exception cref="JsonException">The bytes are no such record.</exception>
    public static SourceMeasures FromJson(ReadOnlySpan<byte> json) =>
        JsonSerializer.Deserialize(json, MeasureJson.Default.SourceMeasures) ?? throw new JsonException("measurements: expected an object, got null.");
}

/// <summary>What a source is.</summary>
public sealed record SourceFacts
{
    public required string Container { get; init; }

    public required string Codec { get; init; }

    /// <summary>Coded width in pixels.</summary>
    public required int Width { get; init; }

    /// <summary>Coded height in pixels.</summary>
    public required int Height { get; init; }

    /// <summary>Clockwise turn in degrees that the container asks for.</summary>
    public required int Rotation { get; init; }

    /// <summary>Frames per second of the frame grid, as a fraction.</summary>
    public required string FrameRate { get; init; }

    /// <summary>Frames decoded.</summary>
    public required long Frames { get; init; }

    /// <summary>Seconds from the first frame to the end of the last.</summary>
    public required double Seconds { get; init; }

    /// <summary>Whether frames are missing on the grid (variable frame rate).</summary>
    public required bool Variable { get; init; }
}

/// <summary>One clip with its scores.</summary>
public sealed record ClipMeasures
{
    /// <summary>UUIDv5 over the source's hash and the time range.</summary>
    public required Guid Id { get; init; }

    /// <summary>Number of the first frame on the source's grid.</summary>
    public required long StartFrame { get; init; }

    /// <summary>Number after the last frame.</summary>
    public required long EndFrame { get; init; }

    /// <summary>Decoded frames.</summary>
    public required long Frames { get; init; }

    /// <summary>Presentation time of the first frame, seconds on the container's clock.</summary>
    public required double StartTime { get; init; }

    /// <summary>Presentation time at which the clip ends.</summary>
    public required double EndTime { get; init; }

    /// <summary>The scores, in the order of <see cref="ScoreNames.All"/>.</summary>
    public required IReadOnlyList<Score> Scores { get; init; }

    /// <summary>Perceptual hashes of up to eight pictures evenly over the clip, 16 hexadecimal digits each.</summary>
    public required IReadOnlyList<string> Hashes { get; init; }

    /// <summary>Mean color as R, G, B, 0..255.</summary>
    public required IReadOnlyList<int> Color { get; init; }

    /// <summary>Lines of text that were read, in order of appearance; empty when there is none, or no reader.</summary>
    public IReadOnlyList<string> Text { get; init; } = [];

    /// <summary>The text that came with the footage, while scores are taken; null when there is none. It is kept beside the source, not with the measurements.</summary>
    [JsonIgnore]
    public string? Given { get; init; }

    /// <summary>A small picture from the clip's middle as PNG in Base64; null when none was sampled.</summary>
    public string? Thumbnail { get; init; }

    /// <summary>What the clip means to a network; null when there was none.</summary>
    public ClipFeature? Feature { get; init; }

    /// <summary>The score of a name; null when the clip has none.</summary>
    public Score? this[string name] => Scores.FirstOrDefault(score => score.Name == name);
}

/// <summary>Numbers along a source, thinned out to a few hundred points.</summary>
public sealed record SourceSeries
{
    /// <summary>Seconds from the first frame.</summary>
    public IReadOnlyList<double> Time { get; init; } = [];

    /// <summary>VMAF motion: the largest in each interval.</summary>
    public IReadOnlyList<double> Motion { get; init; } = [];

    /// <summary>Content score: the largest in each interval.</summary>
    public IReadOnlyList<double> Content { get; init; } = [];

    /// <summary>Mean luma.</summary>
    public IReadOnlyList<double> Luma { get; init; } = [];
}
