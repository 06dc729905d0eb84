// The result of a quality measurement as JSON. It depends on its inputs alone: times and machine stand in run.json.

using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Evaluation.Scores;

namespace Kinora.Evaluation.Quality;

/// <summary>Everything that decides the numbers, so that two reports can be compared.</summary>
public sealed record QualityPassport
{
    public required string Model { get; init; }
    public required string ModelSha256 { get; init; }
    public required string ProbeSha256 { get; init; }
    /// <summary>The finder that reads counts and relations; null without one.</summary>
    public string? FinderSha256 { get; init; }
    /// <summary>The text–clip model of world CLIPSIM; null without one.</summary>
    public string? TextClipSha256 { get; init; }
    /// <summary>See <see cref="WorldFingerprint"/>.</summary>
    public required string WorldSha256 { get; init; }
    public required string PromptsSha256 { get; init; }
    public required int Prompts { get; init; }
    /// <summary>Prompts about two things besides.</summary>
    public int PairPrompts { get; init; }
    /// <summary>Seed of the first clip, in decimal: JSON readers commonly lose 64-bit integers.</summary>
    public required string Seed { get; init; }
    public required string Sampler { get; init; }
    public required int Steps { get; init; }
    public required double Guidance { get; init; }
    public required double GuidanceRescale { get; init; }
    public required int Width { get; init; }
    public required int Height { get; init; }
    public required int Frames { get; init; }
    public required double FrameRate { get; init; }
    public required string Device { get; init; }
    public required string Precision { get; init; }
    public required string Kinora { get; init; }
}

/// <summary>One generated clip and what the probe saw in it.</summary>
/// <param name="File">The clip, relative to the report.</param>
/// <param name="Seed">In decimal.</param>
public sealed record ClipVerdict(int Number, string Prompt, string Seed, string File, IReadOnlyList<AttributeVerdict> Attributes)
{
    /// <summary>Attributes that are wrong.</summary>
    [JsonIgnore] public int Wrong => Attributes.Count(a => a.Expected != a.Seen);
}

/// <summary>What one attribute should be and what the probe saw.</summary>
public sealed record AttributeVerdict(string Attribute, string Expected, string Seen);

/// <summary>Rows are right answers, columns the probe's, in the order of the classes.</summary>
public sealed record Confusion(string Attribute, IReadOnlyList<string> Classes, IReadOnlyList<IReadOnlyList<int>> Counts);

/// <summary>A whole measurement.</summary>
public sealed record QualityReport
{
    /// <summary>The format of this file.</summary>
    public const string FormatName = "kinora-quality/3";

    public required string Format { get; init; }
    public required QualityPassport Passport { get; init; }
    /// <summary>Share that each attribute reached on real clips before the probe was allowed to judge.</summary>
    public required double ProbeGate { get; init; }
    /// <summary>"generated", "codec" (real clips through the codec: the most that the generator can reach), "real".</summary>
    public required IReadOnlyList<ScoreRow> Rows { get; init; }
    /// <summary>How many things clips show, and how two stand to each other; null where that was not asked.</summary>
    public PairScores? Pairs { get; init; }
    /// <summary>World CLIPSIM and distances in the probe's own outputs, of the generated clips.</summary>
    public required ScoreSheet World { get; init; }
    public required IReadOnlyList<Confusion> Confusions { get; init; }
    public required IReadOnlyList<ClipVerdict> Clips { get; init; }

    /// <summary>The row of the generated clips.</summary>
    [JsonIgnore] public ScoreRow Generated => Rows.First(r => r.Name == GeneratedRow);

    internal const string GeneratedRow = "generated", CodecRow = "codec";

    /// <summary>Indented JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, QualityJson.Default.QualityReport).ReplaceLineEndings("\n") + "\n";

    /// <exception cref="JsonException">The text is no report.</exception>
    public static QualityReport FromJson(string json)
    {
        var report = JsonSerializer.Deserialize(json, QualityJson.Default.QualityReport) ?? throw new JsonException("quality report: expected an object, got null.");
        return report.Format == FormatName ? report : throw new JsonException($"quality report: format '{report.Format}' is not {FormatName}.");
    }
}

/// <summary>When and where a measurement ran; kept apart because it differs between equal measurements.</summary>
public sealed record QualityRun(DateTimeOffset Started, double GenerationSeconds, double TotalSeconds, int Threads, string EngineBuild);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, WriteIndented = true)]
[JsonSerializable(typeof(QualityReport))]
[JsonSerializable(typeof(QualityRun))]
internal sealed partial class QualityJson : JsonSerializerContext;
