// Two evaluations side by side. Numbers are compared only when their passports agree in everything but the subject.

using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Engine.Random;
using Kinora.Evaluation.Clips;
using Kinora.Evaluation.Distributions;
using Kinora.Evaluation.Features;
using Kinora.Evaluation.Scores;
using Kinora.Evaluation.Statistics;

namespace Kinora.Evaluation.Comparison;

/// <summary>One score of two subjects.</summary>
/// <param name="Metric">Its name.</param>
/// <param name="A">Of the first.</param>
/// <param name="B">Of the second.</param>
/// <param name="P">Two-sided p; null where no test fits.</param>
/// <param name="Test">Which test.</param>
public sealed record ScoreDifference(string Metric, double A, double B, double? P, string Test);

/// <summary>The comparison of two reports.</summary>
/// <param name="A">The first subject.</param>
/// <param name="B">The second subject.</param>
/// <param name="Differences">Scores that both have, measured alike.</param>
/// <param name="Mismatched">Scores that both have, measured differently: metric and what differs.</param>
public sealed record ReportComparison(string A, string B, IReadOnlyList<ScoreDifference> Differences, IReadOnlyDictionary<string, IReadOnlyList<string>> Mismatched)
{
    /// <summary>The format.</summary>
    public string Schema { get; init; } = "kinora-comparison/1";

    /// <summary>Indented JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, ComparisonJson.Default.ReportComparison).ReplaceLineEndings("\n");

    /// <summary>Compares two reports.</summary>
    /// <param name="featuresA">I3D features beside the first report, for a test of FVD.</param>
    /// <param name="permutations">Of tests over clips; distances take a fiftieth.</param>
    /// <exception cref="ProtocolException">No score of both was measured alike.</exception>
    public static ReportComparison Of(EvaluationReport a, EvaluationReport b, (FeatureMatrix Generated, FeatureMatrix Reference)? featuresA, (FeatureMatrix Generated, FeatureMatrix Reference)? featuresB, int permutations, ulong seed, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        var differences = new List<ScoreDifference>();
        var mismatched = new SortedDictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        foreach (Score score in a.Sheet.Scores)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (b.Sheet.Scores.FirstOrDefault(s => s.Metric == score.Metric) is not { } other)
                continue;
            IReadOnlyList<string> differ = score.Passport.Differences(other.Passport);
            if (differ.Count > 0)
            {
                mismatched[score.Metric] = differ;
                continue;
            }
            var generator = new Generator(seed);
            var (p, test) = Test(score.Metric, a, b, featuresA, featuresB, permutations, generator, cancellationToken);
            differences.Add(new ScoreDifference(score.Metric, score.Value, other.Value, p, test));
        }
        return differences.Count > 0 ? new ReportComparison(a.Subject, b.Subject, differences, mismatched)
            : throw new ProtocolException(mismatched.Count == 0
                ? $"{a.Subject} and {b.Subject} have no score in common."
                : $"{a.Subject} and {b.Subject} were measured differently and must not be compared: {string.Join("; ", mismatched.Select(m => $"{m.Key}: {string.Join(", ", m.Value)}"))}. Evaluate both with the same options and version.");
    }

    private static (double? P, string Test) Test(string metric, EvaluationReport a, EvaluationReport b, (FeatureMatrix Generated, FeatureMatrix Reference)? featuresA, (FeatureMatrix Generated, FeatureMatrix Reference)? featuresB, int permutations, Generator generator, CancellationToken cancellationToken)
    {
        if (Values(metric, a) is { } va && Values(metric, b) is { } vb)
        {
            return va.Keys.ToHashSet(StringComparer.Ordinal).SetEquals(vb.Keys)
                ? (PermutationTest.Paired([.. va.Keys.Order(StringComparer.Ordinal).Select(k => va[k] - vb[k])], permutations, generator), "permutation of signs, paired by clip")
                : (PermutationTest.TwoSample([.. va.Values], [.. vb.Values], permutations, generator), "permutation of clips");
        }
        const int costly = 50;
        if (metric == "fvd" && featuresA is { } fa && featuresB is { } fb)
            return (Distance(fa.Generated, fb.Generated, fa.Reference, Math.Max(20, permutations / costly), generator, cancellationToken), "permutation of clips between the two sets");
        return (null, "none: compare the intervals");
    }

    // A clip's own number, or whether the probe agreed.
    private static Dictionary<string, double>? Values(string metric, EvaluationReport report)
    {
        if (report.Clips.All(c => c.Values.ContainsKey(metric)))
            return report.Clips.ToDictionary(c => c.Name, c => c.Values[metric], StringComparer.Ordinal);
        const string world = "world.";
        if (!metric.StartsWith(world, StringComparison.Ordinal) || report.Clips.Any(c => c.Verdicts.Count == 0))
            return null;
        string attribute = metric[world.Length..];
        if (attribute == Quality.ScoreRow.All)
            return report.Clips.ToDictionary(c => c.Name, c => c.Verdicts.All(v => v.Expected == v.Seen) ? 1.0 : 0.0, StringComparer.Ordinal);
        return report.Clips.All(c => c.Verdicts.Any(v => v.Attribute == attribute))
            ? report.Clips.ToDictionary(c => c.Name, c => c.Verdicts.First(v => v.Attribute == attribute) is { } v && v.Expected == v.Seen ? 1.0 : 0.0, StringComparer.Ordinal)
            : null;
    }

    private static double Distance(FeatureMatrix a, FeatureMatrix b, FeatureMatrix reference, int permutations, Generator generator, CancellationToken cancellationToken)
    {
        var all = new FeatureMatrix("both", a.Count + b.Count, a.Dimension, [.. a.Values, .. b.Values]);
        int[] rows = [.. Enumerable.Range(0, all.Count)];
        using var moments = FeatureMoments.Of(reference);
        using var scope = Engine.TensorScope.Enter();
        Engine.Tensor covariance = moments.Covariance(), root = FrechetDistance.SymmetricRoot(covariance);
        double To(ReadOnlySpan<int> chosen)
        {
            using var each = Engine.TensorScope.Enter();
            using var part = FeatureMoments.Of(all.Take(chosen));
            return FrechetDistance.Between(moments.Mean, covariance, root, part.Mean, part.Covariance()).Distance;
        }

        double Difference() => Math.Abs(To(rows.AsSpan(0, a.Count)) - To(rows.AsSpan(a.Count)));
        return PermutationTest.Share(permutations, Difference(), () =>
        {
            cancellationToken.ThrowIfCancellationRequested();
            generator.Shuffle<int>(rows);
            return Difference();
        });
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(ReportComparison))]
internal sealed partial class ComparisonJson : JsonSerializerContext;
