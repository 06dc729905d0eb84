// Misleading rate and robustness accuracy.
// Paper: arXiv:2406.10638, section 3. With PR, PW the neutral question right, wrong and NR, NW the misleading one:
//   RA = #(PR ∧ NR) / pairs,   MR = #(PR ∧ NW) / (#(PR ∧ NR) + #(PR ∧ NW))

using Kinora.Evaluation.Statistics;

namespace Kinora.Evaluation.Robustness;

/// <summary>Outcomes of pairs.</summary>
/// <param name="Category">level/category, or "all".</param>
/// <param name="BothRight">PR ∧ NR.</param>
/// <param name="Misled">PR ∧ NW.</param>
/// <param name="OnlyNegative">PW ∧ NR.</param>
/// <param name="BothWrong">PW ∧ NW.</param>
public sealed record MmrCell(string Category, int BothRight, int Misled, int OnlyNegative, int BothWrong)
{
    /// <summary>Pairs.</summary>
    public int Pairs => BothRight + Misled + OnlyNegative + BothWrong;

    /// <summary>Share of pairs with both answers right.</summary>
    public WilsonInterval RobustnessAccuracy => WilsonInterval.Of(BothRight, Pairs);

    /// <summary>Share of understood pairs that the misleading question overturned; null when none was understood.</summary>
    public WilsonInterval? MisleadingRate => BothRight + Misled > 0 ? WilsonInterval.Of(Misled, BothRight + Misled) : null;

    /// <summary>Neutral questions answered right.</summary>
    public WilsonInterval PositiveAccuracy => WilsonInterval.Of(BothRight + Misled, Pairs);

    /// <summary>Misleading questions answered right.</summary>
    public WilsonInterval NegativeAccuracy => WilsonInterval.Of(BothRight + OnlyNegative, Pairs);

    /// <summary>Sum of two cells.</summary>
    public static MmrCell Sum(string category, IEnumerable<MmrCell> cells)
    {
        ArgumentNullException.ThrowIfNull(cells);
        return cells.Aggregate(new MmrCell(category, 0, 0, 0, 0), (s, c) => new MmrCell(category, s.BothRight + c.BothRight, s.Misled + c.Misled, s.OnlyNegative + c.OnlyNegative, s.BothWrong + c.BothWrong));
    }
}

/// <summary>How often a letter is chosen and how often it is right.</summary>
/// <param name="Letter">A to D, or E for an answer without a letter.</param>
/// <param name="Chosen">How often it was given.</param>
/// <param name="Correct">How often it would have been right.</param>
public sealed record LetterUse(string Letter, int Chosen, int Correct);

/// <summary>Scores of one answerer.</summary>
/// <param name="Name">Whose answers.</param>
/// <param name="All">Over all pairs.</param>
/// <param name="Categories">By category, in the order of the file.</param>
/// <param name="Letters">Letter bias.</param>
/// <param name="RobustPairs">For every pair, whether both answers are right.</param>
public sealed record MmrScores(string Name, MmrCell All, IReadOnlyList<MmrCell> Categories, IReadOnlyList<LetterUse> Letters, IReadOnlyList<bool> RobustPairs)
{
    /// <summary>Scores answers over the given pairs. Of a pair with two neutral questions, exactly one right counts as misled, as in the published script.</summary>
    public static MmrScores Of(MmrAnswers answers, MmrBenchmark benchmark, IReadOnlyList<MmrPair> pairs, AnswerParsing parsing)
    {
        ArgumentNullException.ThrowIfNull(answers);
        ArgumentNullException.ThrowIfNull(pairs);
        if (pairs.Count == 0)
            throw new EvaluationException("no sound pair is left to score.");
        IReadOnlyDictionary<int, string> letters = answers.Match(benchmark, parsing);
        bool Right(MmrRow row) => letters[row.Number] == row.Truth;
        MmrCell Cell(MmrPair pair)
        {
            bool p = Right(pair.Positive), n = Right(pair.Negative);
            if (pair.First.Positive == pair.Second.Positive)
                (p, n) = (p || n, p && n);
            return new MmrCell(pair.Category, p && n ? 1 : 0, p && !n ? 1 : 0, !p && n ? 1 : 0, !p && !n ? 1 : 0);
        }

        MmrCell[] cells = [.. pairs.Select(Cell)];
        MmrRow[] rows = [.. pairs.SelectMany(p => new[] { p.First, p.Second })];
        string[] all = [.. MmrBenchmark.Letters, MmrAnswers.None];
        return new MmrScores(answers.Name, MmrCell.Sum("all", cells), [.. cells.GroupBy(c => c.Category).Select(g => MmrCell.Sum(g.Key, g))],
            [.. all.Select(l => new LetterUse(l, rows.Count(r => letters[r.Number] == l), rows.Count(r => r.Truth == l)))], [.. cells.Select(c => c.BothRight == 1)]);
    }
}
