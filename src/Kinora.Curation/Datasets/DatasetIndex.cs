using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Curation.Decisions;

namespace Kinora.Curation.Datasets;

/// <summary>One tar shard.</summary>
/// <param name="File">Path below the dataset.</param>
/// <param name="Clips">Clips in it.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">Its content.</param>
public sealed record ShardEntry(string File, int Clips, long Bytes, string Sha256);

/// <summary>How many finished clips a more sensitive detector still divides.</summary>
/// <param name="Clips">Clips with a cut left.</param>
/// <param name="Share">Of all clips in the shards.</param>
/// <param name="Low">Lower end of Wilson's 95 % interval of the share.</param>
/// <param name="High">Upper end.</param>
public sealed record ResidualAudit(int Clips, double Share, double Low, double High)
{
    private const double Z = 1.959964;

    /// <summary>The audit of n clips of which <paramref name="found"/> have a cut left.</summary>
    public static ResidualAudit Of(int found, int n)
    {
        if (n == 0) { return new ResidualAudit(0, 0, 0, 1); }
        double p = (double)found / n, scale = 1 + (Z * Z / n), center = (p + (Z * Z / (2 * n))) / scale;
        double half = Z * Math.Sqrt((p * (1 - p) / n) + (Z * Z / (4.0 * n * n))) / scale;
        return new ResidualAudit(found, Math.Round(p, 6), Math.Round(Math.Max(0, center - half), 6), Math.Round(Math.Min(1, center + half), 6));
    }
}

/// <summary>A source that gave no clips, or not all.</summary>
/// <param name="Name">The file below the corpus folder.</param>
/// <param name="Reason">Kind of failure and what was found.</param>
public sealed record SourceProblem(string Name, string Reason);

/// <summary>An optional scorer of a run.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Identity">What decides its numbers beside the footage.</param>
public sealed record ScorerEntry(string Name, string Identity);

/// <summary>What a dataset holds. It is written last: a folder with an index is complete. No times or machine names stand in it.</summary>
public sealed record DatasetIndex
{
    /// <summary>Version of the layout.</summary>
    public int Schema { get; init; } = 1;

    /// <summary><see cref="Recipe.Hash"/>.</summary>
    public required string Recipe { get; init; }

    /// <summary>The optional scorers that measured, by name.</summary>
    public required IReadOnlyList<ScorerEntry> Scorers { get; init; }

    /// <summary>Files found.</summary>
    public required int Sources { get; init; }

    /// <summary>Files that hold the same bytes as another one.</summary>
    public required int ExactDuplicates { get; init; }

    /// <summary>Files that could not be used, by name.</summary>
    public required IReadOnlyList<SourceProblem> Failures { get; init; }

    /// <summary>Files of which only the part before a damage was used.</summary>
    public required IReadOnlyList<SourceProblem> Damaged { get; init; }

    /// <summary>Clips that could not be cut out exactly; they are not in the shards.</summary>
    public required IReadOnlyList<SourceProblem> ClipFailures { get; init; }

    /// <summary>Sources with a text beside them.</summary>
    public int SideTexts { get; init; }

    /// <summary>The captioning model; null when there was none.</summary>
    public string? Captioner { get; init; }

    /// <summary>Clips in the shards about which the captioning model said nothing, and texts beside footage that could not be used; captions come from elsewhere there.</summary>
    public required IReadOnlyList<SourceProblem> CaptionFailures { get; init; }

    /// <summary>Clips measured.</summary>
    public required int Clips { get; init; }

    /// <summary>Clips in the shards.</summary>
    public required int Kept { get; init; }

    /// <summary>Hours of the sources, each content once.</summary>
    public required double HoursIn { get; init; }

    /// <summary>Hours of the clips in the shards.</summary>
    public required double HoursKept { get; init; }

    /// <summary>Clips in which the audit of the finished files still sees a cut.</summary>
    public required ResidualAudit Residual { get; init; }

    /// <summary>The shards in order.</summary>
    public required IReadOnlyList<ShardEntry> Shards { get; init; }

    /// <summary>SHA-256 over the shards' hashes: equal for equal datasets.</summary>
    public required string Root { get; init; }

    /// <summary>The index as indented JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, IndexJson.Default.DatasetIndex) + "\n";

    /// <exception cref="JsonException">The text is no index.</exception>
    public static DatasetIndex FromJson(string json) => JsonSerializer.Deserialize(json, IndexJson.Default.DatasetIndex) ?? throw new JsonException("index: expected an object, got null.");
}

/// <summary>One line of manifest.jsonl: a clip in the shards. The key is the base name of its members in the tar.</summary>
public sealed record ClipRow
{
    /// <summary>The clip's id.</summary>
    public required Guid Id { get; init; }

    /// <summary>Base name of its files in the shard.</summary>
    public required string Key { get; init; }

    /// <summary>Path of its shard below the dataset.</summary>
    public required string Shard { get; init; }

    /// <summary>Class by size, aspect and length.</summary>
    public required string Bucket { get; init; }

    /// <summary>The source's name below the corpus folder.</summary>
    public required string Source { get; init; }

    /// <summary>The source's hash.</summary>
    public required string SourceSha256 { get; init; }

    /// <summary>Seconds on the source's clock.</summary>
    public required double Start { get; init; }

    /// <summary>Seconds on the source's clock.</summary>
    public required double End { get; init; }

    /// <summary>First frame on the source's grid.</summary>
    public required long StartFrame { get; init; }

    /// <summary>Number after the last frame.</summary>
    public required long EndFrame { get; init; }

    /// <summary>What trains: the captioning model's words, else the text that came with the footage, else what was measured.</summary>
    public required string Caption { get; init; }

    /// <summary>The captioning model that said it, or the file below the corpus folder that has it; null for the measured caption.</summary>
    public string? CaptionBy { get; init; }

    /// <summary>What was measured, in words.</summary>
    public required string Measured { get; init; }

    /// <summary>The text that came with the footage, about the whole source; null when there is none.</summary>
    public string? Given { get; init; }

    /// <summary>The file in the shard.</summary>
    public required ClipFile File { get; init; }

    /// <summary>Scores that have a value.</summary>
    public required IReadOnlyDictionary<string, double> Scores { get; init; }

    /// <summary>One line of JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, RowJson.Default.ClipRow);

    /// <exception cref="JsonException">The line is no row.</exception>
    public static ClipRow FromJson(string line) => JsonSerializer.Deserialize(line, RowJson.Default.ClipRow) ?? throw new JsonException("manifest: expected an object, got null.");
}

/// <summary>One line of decisions.jsonl.</summary>
internal sealed record DecisionRow(Guid Clip, string Source, double Start, double End, bool Keep, IReadOnlyList<Reason> Reasons, IReadOnlyList<string> Unknown, Guid? DuplicateOf);

/// <summary>One line of scores.jsonl.</summary>
internal sealed record ScoreRow(Guid Clip, string Score, double? Value, double Confidence, string? Unavailable, string Params);

/// <summary>One line of sources.jsonl.</summary>
internal sealed record SourceRow(string Name, string Sha256, long Bytes, string? SameAs, string? Failure, string? Damage, int Clips, Scores.SourceFacts? Facts, string? SideText = null);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, WriteIndented = true, NewLine = "\n")]
[JsonSerializable(typeof(DatasetIndex))]
internal sealed partial class IndexJson : JsonSerializerContext;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ClipRow))]
[JsonSerializable(typeof(DecisionRow))]
[JsonSerializable(typeof(ScoreRow))]
[JsonSerializable(typeof(SourceRow))]
internal sealed partial class RowJson : JsonSerializerContext;
