// From scores to decisions, without looking at a single frame.
using System.Globalization;
using System.Numerics;
using Kinora.Curation.Scores;

namespace Kinora.Curation.Decisions;

/// <summary>A pure function of scores and recipe: the same input gives the same decisions, whatever measured it and when.</summary>
public static class DecisionMaker
{
    /// <summary>Decides about every clip of every source.</summary>
    /// <param name="sources">The sources in the dataset's order.</param>
    /// <param name="recipe">What clips must satisfy.</param>
    /// <returns>Decisions in the order of the clips.</returns>
    public static IReadOnlyList<Decision> Decide(IReadOnlyList<SourceMeasures> sources, Recipe recipe)
    {
        ArgumentNullException.ThrowIfNull(sources);
        ArgumentNullException.ThrowIfNull(recipe);
        ClipMeasures[] clips = [.. sources.SelectMany(s => s.Clips)];
        Limits[] limits = [.. recipe.Rules.Select(rule => Limits.Of(rule, clips))];
        var decisions = clips.Select(clip => Judge(clip, limits)).ToList();
        if (recipe.DuplicateBits >= 0) { DropDuplicates(clips, decisions, recipe.DuplicateBits); }
        if (recipe.SemanticEpsilon >= 0) { DropSemanticDuplicates(clips, decisions, recipe.SemanticEpsilon); }
        if (recipe.MaxClipsPerSource > 0) { Balance(sources, decisions, recipe.MaxClipsPerSource); }
        return decisions;
    }

    /// <summary>The recipe's rules with percentiles turned into values; an open side is null.</summary>
    public static IReadOnlyList<Limit> LimitsOf(IReadOnlyList<SourceMeasures> sources, Recipe recipe)
    {
        ArgumentNullException.ThrowIfNull(sources);
        ArgumentNullException.ThrowIfNull(recipe);
        ClipMeasures[] clips = [.. sources.SelectMany(s => s.Clips)];
        return [.. recipe.Rules.Select(rule => Limits.Of(rule, clips)).Select(l => new Limit(l.Rule.Score, Finite(l.Min), Finite(l.Max), l.Rule.DropUnavailable))];

        static double? Finite(double value) => double.IsFinite(value) ? value : null;
    }

    private static Decision Judge(ClipMeasures clip, Limits[] limits)
    {
        var reasons = new List<Reason>();
        var unknown = new List<string>();
        foreach (var limit in limits)
        {
            Score? score = clip[limit.Rule.Score];
            if (score?.Value is not { } value)
            {
                if (limit.Rule.DropUnavailable) { reasons.Add(new Reason(limit.Rule.Score, $"unavailable: {score?.Unavailable ?? "not measured"}")); }
                else { unknown.Add(limit.Rule.Score); }
                continue;
            }
            if (value < limit.Min) { reasons.Add(new Reason(limit.Rule.Score, string.Create(CultureInfo.InvariantCulture, $"{value:0.######} is below {limit.Min:0.######}"))); }
            if (value > limit.Max) { reasons.Add(new Reason(limit.Rule.Score, string.Create(CultureInfo.InvariantCulture, $"{value:0.######} is above {limit.Max:0.######}"))); }
        }
        return new Decision(clip.Id, reasons.Count == 0, reasons, unknown, null);
    }

    // Of a group of clips that look the same, the largest, longest, earliest stays.
    private static void DropDuplicates(ClipMeasures[] clips, List<Decision> decisions, int bits)
    {
        int[] order = [.. Enumerable.Range(0, clips.Length).Where(i => decisions[i].Keep && clips[i].Hashes.Count > 0)
            .OrderByDescending(i => clips[i][ScoreNames.ShortSide]?.Value ?? 0).ThenByDescending(i => clips[i].Frames).ThenBy(i => i)];
        var hashes = clips.Select(c => c.Hashes.Select(h => ulong.Parse(h, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToArray()).ToArray();
        var kept = new List<int>();
        foreach (int i in order)
        {
            int twin = kept.FindIndex(k => Distance(hashes[k], hashes[i]) <= bits);
            if (twin < 0)
            {
                kept.Add(i);
                continue;
            }
            Guid original = clips[kept[twin]].Id;
            decisions[i] = decisions[i] with { Keep = false, DuplicateOf = original, Reasons = [new Reason("duplicate", $"looks like {original}")] };
        }
    }

    // Only features of one model can be compared.
    private static void DropSemanticDuplicates(ClipMeasures[] clips, List<Decision> decisions, double epsilon)
    {
        foreach (var model in Enumerable.Range(0, clips.Length).Where(i => decisions[i].Keep && clips[i].Feature is not null).GroupBy(i => clips[i].Feature!.Model, StringComparer.Ordinal))
        {
            int[] members = [.. model];
            float[][] units = [.. members.Select(i => FeatureVector.MeanUnit([clips[i].Feature!.Vector]))];
            foreach (var (duplicate, original) in SemanticDuplicates.Of(units, epsilon))
            {
                Guid twin = clips[members[original]].Id;
                string cosine = string.Create(CultureInfo.InvariantCulture, $"{FeatureVector.Dot(units[duplicate], units[original]):0.0000}");
                decisions[members[duplicate]] = decisions[members[duplicate]] with { Keep = false, DuplicateOf = twin, Reasons = [new Reason("semantic", $"means the same as {twin}: cosine {cosine}")] };
            }
        }
    }

    /// <summary>Mean Hamming distance of two clips' hashes; pictures at the same relative time are compared.</summary>
    internal static double Distance(ulong[] a, ulong[] b)
    {
        var (few, many) = a.Length <= b.Length ? (a, b) : (b, a);
        double sum = 0;
        for (int i = 0; i < few.Length; i++)
        {
            int at = few.Length == 1 ? 0 : i * (many.Length - 1) / (few.Length - 1);
            sum += BitOperations.PopCount(few[i] ^ many[at]);
        }
        return sum / few.Length;
    }

    private static void Balance(IReadOnlyList<SourceMeasures> sources, List<Decision> decisions, int most)
    {
        int at = 0;
        foreach (var source in sources)
        {
            int[] kept = [.. Enumerable.Range(at, source.Clips.Count).Where(i => decisions[i].Keep)];
            at += source.Clips.Count;
            if (kept.Length <= most) { continue; }
            var chosen = Enumerable.Range(0, most).Select(i => kept[(int)((i + 0.5) * kept.Length / most)]).ToHashSet();
            foreach (int i in kept.Where(i => !chosen.Contains(i)))
            {
                decisions[i] = decisions[i] with { Keep = false, Reasons = [new Reason("balance", $"{most} of the source's {kept.Length} clips are kept, evenly over it")] };
            }
        }
    }

    private sealed record Limits(Rule Rule, double Min, double Max)
    {
        public static Limits Of(Rule rule, ClipMeasures[] clips)
        {
            double min = rule.Min ?? double.NegativeInfinity, max = rule.Max ?? double.PositiveInfinity;
            if (rule.MinPercentile is null && rule.MaxPercentile is null) { return new Limits(rule, min, max); }
            double[] values = [.. clips.Select(c => c[rule.Score]?.Value).OfType<double>().Order()];
            if (values.Length == 0) { return new Limits(rule, min, max); }
            return new Limits(rule, Math.Max(min, At(rule.MinPercentile ?? 0)), Math.Min(max, At(rule.MaxPercentile ?? 100)));

            // Linear between order statistics.
            double At(double percentile)
            {
                double position = percentile / 100 * (values.Length - 1);
                int below = (int)position;
                double above = values[Math.Min(below + 1, values.Length - 1)];
                return values[below] + ((position - below) * (above - values[below]));
            }
        }
    }
}

/// <summary>A rule in values.</summary>
/// <param name="Score">The score.</param>
/// <param name="Min">Smallest value that is kept.</param>
/// <param name="Max">Largest value that is kept.</param>
/// <param name="DropUnavailable">Clips without a value are dropped.</param>
public sealed record Limit(string Score, double? Min, double? Max, bool DropUnavailable);
