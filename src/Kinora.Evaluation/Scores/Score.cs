using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Evaluation.Scores;

/// <summary>One measured number.</summary>
/// <param name="Metric">Its name: "fvd", "kid", "flicker".</param>
/// <param name="Value">The number.</param>
/// <param name="Low">Lower end of the 95 % interval; null where there is none.</param>
/// <param name="High">Upper end.</param>
/// <param name="Interval">How the interval was found: "bootstrap", "wilson", "normal"; null where there is none.</param>
/// <param name="Passport">How it was measured.</param>
public sealed record Score(string Metric, double Value, double? Low, double? High, string? Interval, ScorePassport Passport)
{
    /// <summary>What a reader must know: too few clips, a singular covariance.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Further results of the same measurement: the slope of an extrapolation, the deviation over splits.</summary>
    public SortedDictionary<string, double> Details { get; init; } = new(StringComparer.Ordinal);

    /// <summary>The format of one line of a scores file.</summary>
    public const string Schema = "kinora-score/1";
}

/// <summary>A number that was not computed.</summary>
/// <param name="Metric">Its name.</param>
/// <param name="Reason">Why, and what would help.</param>
public sealed record RefusedScore(string Metric, string Reason);

/// <summary>Numbers and refusals of one measurement.</summary>
/// <param name="Scores">What was measured.</param>
/// <param name="Refused">What was not, and why.</param>
public sealed record ScoreSheet(IReadOnlyList<Score> Scores, IReadOnlyList<RefusedScore> Refused)
{
    /// <summary>The format of a sheet.</summary>
    public string Schema { get; init; } = "kinora-scores/1";

    /// <summary>Both sheets in one.</summary>
    public ScoreSheet With(ScoreSheet other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return this with { Scores = [.. Scores, .. other.Scores], Refused = [.. Refused, .. other.Refused] };
    }

    /// <summary>Indented JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, ScoreSheetJson.Default.ScoreSheet).ReplaceLineEndings("\n");

    /// <summary>The score of that name.</summary>
    /// <exception cref="KeyNotFoundException">It was not measured.</exception>
    [JsonIgnore] public Score this[string metric] => Scores.FirstOrDefault(s => s.Metric == metric) ?? throw new KeyNotFoundException($"no score '{metric}'.");
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, WriteIndented = true)]
[JsonSerializable(typeof(ScoreSheet))]
internal sealed partial class ScoreSheetJson : JsonSerializerContext;
