using System.Reflection;

namespace Kinora.Evaluation.Scores;

/// <summary>How a number was measured. Two numbers may be compared only when everything but the subject agrees.</summary>
public sealed record ScorePassport
{
    /// <summary>The definition and its version: "frechet/1".</summary>
    public required string Protocol { get; init; }

    /// <summary>What the numbers describe: a network and its layer, or "given" for features that came as a file.</summary>
    public required string Features { get; init; }

    /// <summary>Everything done to frames before the network, in words; empty where nothing was.</summary>
    public string Preprocessing { get; init; } = "";

    /// <summary>SHA-256 of the network's weights.</summary>
    public string? WeightsSha256 { get; init; }

    /// <summary>SHA-256 of the judged material.</summary>
    public string? SubjectSha256 { get; init; }

    /// <summary>SHA-256 of what it was compared with.</summary>
    public string? ReferenceSha256 { get; init; }

    /// <summary>Clips, frames or answers judged.</summary>
    public required int Count { get; init; }

    /// <summary>Clips on the reference side.</summary>
    public int? ReferenceCount { get; init; }

    /// <summary>Numbers in a feature vector.</summary>
    public int? Dimension { get; init; }

    /// <summary>What is subtracted from n under a covariance.</summary>
    public int? Ddof { get; init; }

    /// <summary>Further parameters of the definition.</summary>
    public SortedDictionary<string, string> Settings { get; init; } = new(StringComparer.Ordinal);

    /// <summary>The version of this program.</summary>
    public string Kinora { get; init; } = Version;

    /// <summary>This program's version.</summary>
    public static string Version { get; } = typeof(ScorePassport).Assembly.GetName().Version?.ToString(3) ?? "unknown";

    /// <summary>The fields in which two passports differ although they must agree; empty when the numbers may be compared.</summary>
    public IReadOnlyList<string> Differences(ScorePassport other)
    {
        ArgumentNullException.ThrowIfNull(other);
        var differences = new List<string>();
        void Compare(string field, string? a, string? b)
        {
            if (a != b)
                differences.Add($"{field}: {a ?? "none"} and {b ?? "none"}");
        }

        Compare("protocol", Protocol, other.Protocol);
        Compare("features", Features, other.Features);
        Compare("preprocessing", Preprocessing, other.Preprocessing);
        Compare("weights", WeightsSha256, other.WeightsSha256);
        Compare("reference", ReferenceSha256, other.ReferenceSha256);
        Compare("reference count", ReferenceCount?.ToString(), other.ReferenceCount?.ToString());
        Compare("dimension", Dimension?.ToString(), other.Dimension?.ToString());
        Compare("ddof", Ddof?.ToString(), other.Ddof?.ToString());
        foreach (string key in Settings.Keys.Union(other.Settings.Keys, StringComparer.Ordinal).Order(StringComparer.Ordinal))
            Compare(key, Settings.GetValueOrDefault(key), other.Settings.GetValueOrDefault(key));
        return differences;
    }
}
