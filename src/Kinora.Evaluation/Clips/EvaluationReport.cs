using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Evaluation.Quality;
using Kinora.Evaluation.Scores;

namespace Kinora.Evaluation.Clips;

/// <summary>One clip of an evaluation.</summary>
/// <param name="Name">The file, relative to its folder.</param>
/// <param name="Path">Where it was, for the page.</param>
/// <param name="Sha256">Of the file.</param>
/// <param name="Prompt">What it should show.</param>
/// <param name="Values">Its own scores by name.</param>
/// <param name="Verdicts">What the world's probe saw; empty where it did not look.</param>
public sealed record ClipRecord(string Name, string Path, string Sha256, string? Prompt, IReadOnlyDictionary<string, double> Values, IReadOnlyList<AttributeVerdict> Verdicts)
{
    /// <summary>The training clip that resembles it most; null where none were given.</summary>
    public NearestTrainingClip? Nearest { get; init; }
}

/// <summary>A clip that was left out.</summary>
/// <param name="Name">The file.</param>
/// <param name="Reason">Why.</param>
public sealed record SkippedClip(string Name, string Reason);

/// <summary>What <c>kinora evaluate CLIPS</c> found.</summary>
public sealed record EvaluationReport
{
    /// <summary>The format.</summary>
    public const string SchemaName = "kinora-evaluation/1";

    /// <summary>"kinora-evaluation/1".</summary>
    public required string Schema { get; init; }

    /// <summary>The folder judged.</summary>
    public required string Subject { get; init; }

    /// <summary>When, in UTC.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>Pixels, frames and frames per second of every clip.</summary>
    public required ClipShape Shape { get; init; }

    /// <summary>Scores over all clips.</summary>
    public required ScoreSheet Sheet { get; init; }

    /// <summary>The clips judged.</summary>
    public required IReadOnlyList<ClipRecord> Clips { get; init; }

    /// <summary>Clips left out.</summary>
    public required IReadOnlyList<SkippedClip> Skipped { get; init; }

    /// <summary>Indented JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, EvaluationJson.Default.EvaluationReport).ReplaceLineEndings("\n") + "\n";

    /// <summary>Reads a report.</summary>
    /// <exception cref="EvaluationException">The file is no report of this version.</exception>
    public static EvaluationReport Read(string path)
    {
        try
        {
            var report = JsonSerializer.Deserialize(File.ReadAllText(path), EvaluationJson.Default.EvaluationReport);
            return report?.Schema == SchemaName ? report : throw new EvaluationException($"{path}: schema '{report?.Schema}' is not {SchemaName}.");
        }
        catch (JsonException e)
        {
            throw new EvaluationException($"{path}: not a report of kinora evaluate ({e.Message}). Give the report.json of a report's folder.", e);
        }
    }
}

/// <summary>What all clips of an evaluation have in common.</summary>
public sealed record ClipShape(int Width, int Height, int Frames, double Fps)
{
    /// <summary>In words.</summary>
    public override string ToString() => FormattableString.Invariant($"{Width}×{Height}, {Words.Count(Frames, "frame")}, {Fps:0.###} frames per second");
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(EvaluationReport))]
internal sealed partial class EvaluationJson : JsonSerializerContext;
