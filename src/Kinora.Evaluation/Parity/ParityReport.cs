using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Evaluation.Parity;

/// <summary>The outcome of a run over a folder.</summary>
/// <param name="Folder">Where the fixtures were found.</param>
/// <param name="Results">One per fixture.</param>
public sealed record ParityReport(string Folder, IReadOnlyList<ParityResult> Results)
{
    /// <summary>Fixtures within their tolerance.</summary>
    public int Passed => Results.Count(r => r.Outcome == ParityOutcome.Pass);

    /// <summary>Fixtures that failed.</summary>
    public int Failed => Results.Count(r => r.Outcome == ParityOutcome.Fail);

    /// <summary>Fixtures of classes that the product does not have.</summary>
    public int Unsupported => Results.Count(r => r.Outcome == ParityOutcome.Unsupported);

    /// <summary>The report as JSON; what is not a number is written as "NaN" or "Infinity".</summary>
    public string ToJson() => JsonSerializer.Serialize(this, ParityReportJson.Default.ParityReport);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, UseStringEnumConverter = true, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(ParityReport))]
internal sealed partial class ParityReportJson : JsonSerializerContext;
