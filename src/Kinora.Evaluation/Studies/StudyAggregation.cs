// Raters' files to win rates, agreement and strengths.

using Kinora.Engine.Random;
using Kinora.Evaluation.Statistics;

namespace Kinora.Evaluation.Studies;

/// <summary>Counts a study.</summary>
public static class StudyAggregation
{
    /// <summary>Answers sooner than this, in milliseconds, are left out.</summary>
    public const double FastestAnswer = 1500;

    /// <summary>A rater with a smaller share of right traps is left out.</summary>
    public const double TrapShare = 2.0 / 3;

    /// <summary>Raters of each pair in the protocol.</summary>
    public const int Majority = 5;

    private const int Resamples = 500;
    private const string Left = "left", Right = "right", Tie = "tie";

    private sealed record Vote(string Rater, string Item, string First, string Second, string Choice, string Side, IReadOnlyList<string> Reasons);

    /// <summary>Reads every file and counts.</summary>
    /// <param name="folder">The study.</param>
    /// <param name="files">Raters' files; empty takes all in the study's folder of answers.</param>
    /// <param name="automated">Automated scores: metric → system → value.</param>
    /// <exception cref="EvaluationException">A file is damaged, edited or of another study, two files are of one rater, or nobody answered.</exception>
    public static StudyResult Run(string folder, IReadOnlyList<string> files, IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>>? automated = null)
    {
        ArgumentNullException.ThrowIfNull(files);
        var (manifest, key) = StudyFiles.Read(folder);
        if (files.Count == 0)
        {
            string answers = Path.Combine(folder, StudyFiles.AnswersFolder);
            files = Directory.Exists(answers) ? [.. Directory.EnumerateFiles(answers, "*.json*").Order(StringComparer.Ordinal)] : [];
        }
        if (files.Count == 0)
            throw new EvaluationException($"{folder}: nobody has answered yet. Give raters' files, or put them into {StudyFiles.AnswersFolder}/.");
        var raters = new Dictionary<string, (string File, StudyAnswers Answers)>(StringComparer.Ordinal);
        foreach (string file in files)
        {
            StudyAnswers answers = StudyFiles.ReadAnswers(file, manifest);
            if (raters.TryGetValue(answers.Rater, out var there))
                throw new EvaluationException($"{there.File} and {file} are both by the rater '{answers.Rater}'. Keep one of them, or rename one rater in the page and rate again.");
            raters[answers.Rater] = (file, answers);
        }
        return Count(manifest, key, [.. raters.Values.Select(r => r.Answers)], automated ?? new Dictionary<string, IReadOnlyDictionary<string, double>>(StringComparer.Ordinal));
    }

    internal static StudyResult Count(StudyManifest manifest, StudyKey key, IReadOnlyList<StudyAnswers> raters, IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>> automated)
    {
        Dictionary<string, StudyKeyEntry> what = key.Items.ToDictionary(k => k.Item, StringComparer.Ordinal);
        var used = new List<(string Rater, StudyAnswer Answer)>();
        var people = new List<StudyRater>();
        foreach (StudyAnswers rater in raters.OrderBy(r => r.Rater, StringComparer.Ordinal))
        {
            StudyAnswer[] traps = [.. rater.Answers.Where(a => what[a.Item].Trap is not null)];
            int right = traps.Count(a => a.Quality == what[a.Item].Trap && a.Faithfulness == what[a.Item].Trap);
            StudyAnswer[] real = [.. rater.Answers.Where(a => what[a.Item].Trap is null)], slow = [.. real.Where(a => a.Milliseconds >= FastestAnswer)];
            string? excluded = traps.Length > 0 && right < TrapShare * traps.Length ? $"{right} of {traps.Length} traps right" : null;
            people.Add(new StudyRater(rater.Rater, excluded is null ? slow.Length : 0, real.Length - slow.Length, right, traps.Length, excluded, null));
            if (excluded is null)
                used.AddRange(slow.Select(a => (rater.Rater, a)));
        }
        StudyQuestion[] questions =
        [
            Question("quality", [.. used.Select(u => ToVote(u.Rater, u.Answer, what[u.Answer.Item], u.Answer.Quality, u.Answer.QualityReasons))], key.Systems),
            Question("faithfulness", [.. used.Select(u => ToVote(u.Rater, u.Answer, what[u.Answer.Item], u.Answer.Faithfulness, u.Answer.FaithfulnessReasons))], key.Systems),
        ];
        return new StudyResult(StudyResult.SchemaName, manifest.Signature, manifest.Title, manifest.Items.Count, [.. people.Select(p => p with { AgreementWithOthers = AgreementWithOthers(p.Rater, used) })], questions, [.. Correlations(questions[0], automated)], [.. Warnings(key, used.ConvertAll(u => u.Answer.Item))]);
    }

    private static IEnumerable<string> Warnings(StudyKey key, List<string> votes)
    {
        string[] real = [.. key.Items.Where(k => k.Trap is null).Select(k => k.Item)];
        var counts = votes.GroupBy(v => v, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count(), StringComparer.Ordinal);
        int few = real.Count(i => counts.GetValueOrDefault(i) < Majority);
        if (few > 0)
            yield return $"{few} of {real.Length} pairs have fewer than {Majority} usable votes; the majority of {Majority} is the protocol.";
    }

    // Systems in the order of their names, so that votes of one pairing add up whatever the side.
    private static Vote ToVote(string rater, StudyAnswer answer, StudyKeyEntry key, string side, IReadOnlyList<string> reasons)
    {
        bool inOrder = string.CompareOrdinal(key.Left, key.Right) <= 0;
        string choice = side == Tie ? Tie : side == Left ? key.Left : key.Right;
        return new Vote(rater, answer.Item, inOrder ? key.Left : key.Right, inOrder ? key.Right : key.Left, choice, side, reasons);
    }

    private static StudyQuestion Question(string name, IReadOnlyList<Vote> votes, IReadOnlyList<string> systems)
    {
        var items = votes.GroupBy(v => v.Item, StringComparer.Ordinal).Select(g => (g.First().First, g.First().Second, Votes: Table(g))).ToArray();
        StudyPairing[] pairings = [.. items.GroupBy(i => (i.First, i.Second)).OrderBy(g => g.Key.First, StringComparer.Ordinal).ThenBy(g => g.Key.Second, StringComparer.Ordinal).Select(g => Pairing(g.Key.First, g.Key.Second, [.. g.Select(i => i.Votes)]))];
        int most = items.Length == 0 ? 0 : items.Max(i => i.Votes.Sum());
        var histogram = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var (_, _, v) in items)
        {
            string bin = $"{v.Max()}/{v.Sum()}";
            histogram[bin] = histogram.GetValueOrDefault(bin) + 1;
        }
        int[][] complete = [.. items.Select(i => i.Votes).Where(v => v.Sum() == most)];
        int left = votes.Count(v => v.Side == Left), sided = left + votes.Count(v => v.Side == Right);
        StudyReason[] reasons = [.. votes.Where(v => v.Choice != Tie).SelectMany(v => v.Reasons.Select(r => (Reason: r, v.Choice))).GroupBy(r => r.Reason, StringComparer.Ordinal).OrderByDescending(g => g.Count()).Select(g => new StudyReason(g.Key, g.GroupBy(r => r.Choice, StringComparer.Ordinal).ToDictionary(c => c.Key, c => c.Count(), StringComparer.Ordinal)))];
        return new StudyQuestion(name, pairings, Strengths(items, systems), histogram, most >= 2 ? Finite(Agreement.FleissKappa(complete)) : null, items.Length > 0 ? Finite(Agreement.KrippendorffAlpha([.. items.Select(i => i.Votes)])) : null, StudyShare.Of(left, sided), ExactBinomial.SignTest(left, sided), reasons);
    }

    // Votes for the first system, for the second, for neither.
    private static int[] Table(IEnumerable<Vote> votes)
    {
        var table = new int[3];
        foreach (Vote v in votes)
            table[v.Choice == Tie ? 2 : v.Choice == v.First ? 0 : 1]++;
        return table;
    }

    private static StudyPairing Pairing(string a, string b, int[][] items)
    {
        int winsA = items.Count(v => v[0] > v[1] && v[0] > v[2]), winsB = items.Count(v => v[1] > v[0] && v[1] > v[2]), ties = items.Length - winsA - winsB;
        return new StudyPairing(a, b, winsA, winsB, ties, (winsA + ties / 2.0) / items.Length, StudyShare.Of(winsA, winsA + winsB), ExactBinomial.SignTest(winsA, winsA + winsB));
    }

    private static StudyStrength[] Strengths((string First, string Second, int[] Votes)[] items, IReadOnlyList<string> systems)
    {
        if (items.Length == 0)
            return [];
        double[] Fit(IEnumerable<(string First, string Second, int[] Votes)> sample)
        {
            var wins = new double[systems.Count, systems.Count];
            foreach (var (first, second, votes) in sample)
            {
                int i = IndexOf(systems, first), j = IndexOf(systems, second);
                wins[i, j] += votes[0] + votes[2] / 2.0;
                wins[j, i] += votes[1] + votes[2] / 2.0;
            }
            return BradleyTerry.LogStrengths(wins);
        }

        double[] value = Fit(items);
        var generator = new Generator(0);
        var resampled = new double[Resamples][];
        for (int r = 0; r < Resamples; r++)
            resampled[r] = Fit(BootstrapInterval.Draw(items.Length, generator).Select(i => items[i]));
        return [.. systems.Select((s, i) =>
        {
            double[] sorted = [.. resampled.Select(r => r[i]).Order()];
            return new StudyStrength(s, value[i], BootstrapInterval.Quantile(sorted, 0.025), BootstrapInterval.Quantile(sorted, 0.975));
        }).OrderByDescending(s => s.Strength)];
    }

    private static double? AgreementWithOthers(string rater, List<(string Rater, StudyAnswer Answer)> used)
    {
        int compared = 0, agreed = 0;
        foreach (var (_, answer) in used.Where(u => u.Rater == rater))
        {
            var others = used.Where(u => u.Rater != rater && u.Answer.Item == answer.Item).GroupBy(u => u.Answer.Quality, StringComparer.Ordinal).Select(g => (g.Key, Count: g.Count())).OrderByDescending(g => g.Count).ToArray();
            if (others.Length == 0 || (others.Length > 1 && others[0].Count == others[1].Count))
                continue;
            compared++;
            agreed += others[0].Key == answer.Quality ? 1 : 0;
        }
        return compared > 0 ? (double)agreed / compared : null;
    }

    private static IEnumerable<StudyCorrelation> Correlations(StudyQuestion quality, IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>> automated)
    {
        foreach (var (metric, values) in automated)
        {
            StudyStrength[] both = [.. quality.Strengths.Where(s => values.ContainsKey(s.System))];
            if (both.Length >= 2)
                yield return new StudyCorrelation(metric, RankCorrelation.Spearman([.. both.Select(s => s.Strength)], [.. both.Select(s => values[s.System])]), RankCorrelation.Kendall([.. both.Select(s => s.Strength)], [.. both.Select(s => values[s.System])]), both.ToDictionary(s => s.System, s => values[s.System], StringComparer.Ordinal));
        }
    }

    private static int IndexOf(IReadOnlyList<string> systems, string system) => Enumerable.Range(0, systems.Count).First(i => systems[i] == system);

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;
}
