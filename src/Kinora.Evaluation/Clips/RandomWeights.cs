// Weights that were drawn, not trained: they serve to time networks and to test the way to a number, and no number of theirs is a score.

using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Scores;

namespace Kinora.Evaluation.Clips;

/// <summary>Marks files of random weights and keeps their numbers out of reports.</summary>
public static class RandomWeights
{
    /// <summary>The key in a safetensors file's metadata.</summary>
    public const string MetadataKey = "kinora_random_weights";

    /// <summary>Metadata of a file whose weights were drawn.</summary>
    public static IReadOnlyDictionary<string, string> Mark { get; } = new Dictionary<string, string>(StringComparer.Ordinal) { [MetadataKey] = "true" };

    /// <summary>Hashes of the marked among files and folders of weights.</summary>
    public static IReadOnlySet<string> Marked(IEnumerable<string?> paths)
    {
        ArgumentNullException.ThrowIfNull(paths);
        var marked = new HashSet<string>(StringComparer.Ordinal);
        foreach (string path in paths.OfType<string>())
        {
            using Checkpoint weights = Checkpoint.Open(path);
            if (weights.Metadata.ContainsKey(MetadataKey))
                marked.Add(weights.Sha256());
        }
        return marked;
    }

    /// <summary>The sheet without scores of marked weights; what they were is refused by name.</summary>
    public static ScoreSheet Refuse(ScoreSheet sheet, IReadOnlySet<string> marked)
    {
        ArgumentNullException.ThrowIfNull(sheet);
        ArgumentNullException.ThrowIfNull(marked);
        bool IsRandom(Score s) => s.Passport.WeightsSha256 is { } sha256 && marked.Contains(sha256);
        return sheet with
        {
            Scores = [.. sheet.Scores.Where(s => !IsRandom(s))],
            Refused = [.. sheet.Refused, .. sheet.Scores.Where(IsRandom).Select(s => new RefusedScore(s.Metric, "its weights are marked as random; a number of theirs is no score"))],
        };
    }
}
