using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Evaluation.Quality;
using Kinora.Evaluation.Scores;

namespace Kinora.Evaluation.Systems;

/// <summary>What two rankings must share to be compared.</summary>
/// <param name="ProbeSha256">The probe.</param>
/// <param name="FinderSha256">The finder that counts and reads relations; null where that was not asked.</param>
/// <param name="TextClipSha256">The text–clip model; null without one.</param>
/// <param name="WorldSha256">See <see cref="WorldFingerprint"/>.</param>
/// <param name="PromptsSha256">The prompts.</param>
/// <param name="Prompts">How many.</param>
/// <param name="Pairs">Prompts about two things besides.</param>
/// <param name="Seed">Of the first clip, in decimal.</param>
/// <param name="Size">Pixels of a side.</param>
/// <param name="Frames">Frames of a clip.</param>
/// <param name="Training">The training clips that retrieval searches and copies are looked for in.</param>
/// <param name="Device">Where generators ran.</param>
/// <param name="Precision">What their matrix products ran in.</param>
/// <param name="Threads">CPU threads of operators: seconds depend on them.</param>
/// <param name="Kinora">This program's version.</param>
public sealed record SystemsPassport(string ProbeSha256, string? FinderSha256, string? TextClipSha256, string WorldSha256, string PromptsSha256, int Prompts, int Pairs, string Seed, int Size, int Frames, string Training, string Device, string Precision, int Threads, string Kinora);

/// <summary>The training clip that resembles a clip most.</summary>
/// <param name="Clip">Its number among the training clips.</param>
/// <param name="Caption">A caption of it.</param>
/// <param name="Similarity">Correlation of both coarse clips.</param>
public sealed record NearestTraining(int Clip, string Caption, double Similarity);

/// <summary>One row of the ranking.</summary>
public sealed record SystemResult
{
    /// <summary>Values of <see cref="Kind"/>.</summary>
    public const string Generator = "generator", Retrieval = "retrieval", Ceiling = "ceiling";

    /// <summary>The system.</summary>
    public required string Name { get; init; }

    /// <summary>"generator", "retrieval", or "ceiling": real clips, and real clips through a model's codec, which are not ranked.</summary>
    public required string Kind { get; init; }

    /// <summary>Of everything that decides its clips besides prompt and seed.</summary>
    public required string Sha256 { get; init; }

    /// <summary>Parameters; null for none.</summary>
    public long? Parameters { get; init; }

    /// <summary>Weights on disk.</summary>
    public long? WeightBytes { get; init; }

    /// <summary>Training by its card.</summary>
    public double? TrainingMinutes { get; init; }

    /// <summary>Median seconds of a clip, one at a time; null where making one means nothing.</summary>
    public double? SecondsPerClip { get; init; }

    /// <summary>How much the process's resident size grew at most while the system was loaded and made clips; null where unknown.</summary>
    public long? PeakBytes { get; init; }

    /// <summary>Right answers by attribute.</summary>
    public required ScoreRow Row { get; init; }

    /// <summary>Counts, nouns, colors and relation of prompts about two things; null where they were not asked.</summary>
    public ScoreRow? Pairs { get; init; }

    /// <summary>World CLIPSIM, distances in the probe's outputs, similarity to training clips.</summary>
    public required ScoreSheet Sheet { get; init; }

    /// <summary>The nearest training clip of each clip; empty for ceilings.</summary>
    public IReadOnlyList<NearestTraining> Nearest { get; init; } = [];
}

/// <summary>A model that could not take part.</summary>
/// <param name="Name">Its folder.</param>
/// <param name="Reason">Why.</param>
public sealed record LeftOutSystem(string Name, string Reason);

/// <summary>The ranking of <c>kinora bench systems</c>.</summary>
public sealed record SystemsReport
{
    /// <summary>The format.</summary>
    public const string SchemaName = "kinora-systems/2";

    /// <summary>"kinora-systems/2".</summary>
    public required string Schema { get; init; }

    /// <summary>How it was measured.</summary>
    public required SystemsPassport Passport { get; init; }

    /// <summary>Ranked systems, the best first, then ceilings.</summary>
    public required IReadOnlyList<SystemResult> Systems { get; init; }

    /// <summary>Models that could not take part.</summary>
    public required IReadOnlyList<LeftOutSystem> LeftOut { get; init; }

    /// <summary>Indented JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, SystemsJson.Default.SystemsReport).ReplaceLineEndings("\n") + "\n";

    /// <exception cref="JsonException">The text is no report of this version.</exception>
    public static SystemsReport FromJson(string json)
    {
        var report = JsonSerializer.Deserialize(json, SystemsJson.Default.SystemsReport) ?? throw new JsonException("systems report: expected an object, got null.");
        return report.Schema == SchemaName ? report : throw new JsonException($"systems report: schema '{report.Schema}' is not {SchemaName}.");
    }

    /// <summary>By the share of clips with every attribute right, then by the mean share over attributes; ceilings behind all systems.</summary>
    internal static IReadOnlyList<SystemResult> Ranked(IEnumerable<SystemResult> systems) =>
    [
        .. systems.OrderBy(s => s.Kind == SystemResult.Ceiling).ThenByDescending(s => s.Row[ScoreRow.All].Share).ThenByDescending(s => s.Row.Scores.Average(a => a.Share)).ThenBy(s => s.Name, StringComparer.Ordinal),
    ];
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, WriteIndented = true)]
[JsonSerializable(typeof(SystemsReport))]
internal sealed partial class SystemsJson : JsonSerializerContext;
