using System.Text.Json;

namespace Kinora.Evaluation.Studies;

/// <summary>A share with its 95 % interval.</summary>
public sealed record StudyShare(int Successes, int Trials, double Share, double Low, double High)
{
    internal static StudyShare? Of(int successes, int trials)
    {
        if (trials == 0)
            return null;
        var w = Statistics.WilsonInterval.Of(successes, trials);
        return new StudyShare(successes, trials, w.Share, w.Low, w.High);
    }
}

/// <summary>Two systems on one question, by the majority of each item's raters.</summary>
/// <param name="A">One system.</param>
/// <param name="B">The other.</param>
/// <param name="WinsA">Items whose majority prefers A.</param>
/// <param name="WinsB">Items whose majority prefers B.</param>
/// <param name="Ties">Items without a majority.</param>
/// <param name="WinRateA">(wins + ties / 2) / items.</param>
/// <param name="Decided">A's share of decided items.</param>
/// <param name="P">Sign test on decided items.</param>
public sealed record StudyPairing(string A, string B, int WinsA, int WinsB, int Ties, double WinRateA, StudyShare? Decided, double P);

/// <summary>A system's Bradley–Terry strength.</summary>
/// <param name="System">Its name.</param>
/// <param name="Strength">Natural logarithm, mean 0 over systems.</param>
/// <param name="Low">2.5 % of resampled items.</param>
/// <param name="High">97.5 %.</param>
public sealed record StudyStrength(string System, double Strength, double Low, double High);

/// <summary>How often winners were preferred for a reason.</summary>
public sealed record StudyReason(string Reason, IReadOnlyDictionary<string, int> Votes);

/// <summary>Everything about one question.</summary>
/// <param name="Question">"quality" or "faithfulness".</param>
/// <param name="Pairings">Every two systems.</param>
/// <param name="Strengths">By strength.</param>
/// <param name="AgreementHistogram">Items by the size of their largest vote: "4/5" → 12.</param>
/// <param name="FleissKappa">Over items with the usual number of votes; null when it does not exist.</param>
/// <param name="KrippendorffAlpha">Over items with at least two votes; null when it does not exist.</param>
/// <param name="LeftShare">Share of "left" among sided votes.</param>
/// <param name="SideBiasP">Sign test of that share against one half.</param>
/// <param name="Reasons">Why winners won, by system.</param>
public sealed record StudyQuestion(string Question, IReadOnlyList<StudyPairing> Pairings, IReadOnlyList<StudyStrength> Strengths, IReadOnlyDictionary<string, int> AgreementHistogram, double? FleissKappa, double? KrippendorffAlpha, StudyShare? LeftShare, double SideBiasP, IReadOnlyList<StudyReason> Reasons);

/// <summary>One rater.</summary>
/// <param name="Rater">The name.</param>
/// <param name="Used">Answers that count.</param>
/// <param name="TooFast">Answers left out because they came sooner than anyone can look.</param>
/// <param name="TrapsRight">Traps answered right in both questions.</param>
/// <param name="Traps">Traps answered.</param>
/// <param name="Excluded">Why none of the answers counts; null when they do.</param>
/// <param name="AgreementWithOthers">Share of votes that agree with the majority of the others; null where there are none.</param>
public sealed record StudyRater(string Rater, int Used, int TooFast, int TrapsRight, int Traps, string? Excluded, double? AgreementWithOthers);

/// <summary>An automated score beside the human ranking.</summary>
/// <param name="Metric">Its name.</param>
/// <param name="Spearman">With the strengths in quality; the sign follows the metric.</param>
/// <param name="Kendall">The same.</param>
/// <param name="Automated">The score of each system.</param>
public sealed record StudyCorrelation(string Metric, double Spearman, double Kendall, IReadOnlyDictionary<string, double> Automated);

/// <summary>The result of a study.</summary>
/// <param name="Schema">"kinora-study-result/2".</param>
/// <param name="Study">The study's signature.</param>
/// <param name="Title">The study's heading.</param>
/// <param name="Items">Pairs, traps among them.</param>
/// <param name="Raters">Everyone who answered.</param>
/// <param name="Questions">Quality, then faithfulness.</param>
/// <param name="Correlations">Automated scores beside the human ranking.</param>
/// <param name="Warnings">What a reader must know: too few raters.</param>
public sealed record StudyResult(string Schema, string Study, string Title, int Items, IReadOnlyList<StudyRater> Raters, IReadOnlyList<StudyQuestion> Questions, IReadOnlyList<StudyCorrelation> Correlations, IReadOnlyList<string> Warnings)
{
    /// <summary>The format.</summary>
    public const string SchemaName = "kinora-study-result/2";

    /// <summary>Reads the result that <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="EvaluationException">The file is no result of this version.</exception>
    public static StudyResult Read(string path)
    {
        try
        {
            var result = JsonSerializer.Deserialize(File.ReadAllText(path), StudyJson.Default.StudyResult);
            return result?.Schema == SchemaName ? result : throw new EvaluationException($"{path}: schema '{result?.Schema}' is not {SchemaName}. Aggregate the study again.");
        }
        catch (JsonException e)
        {
            throw new EvaluationException($"{path}: not the result of a study ({e.Message}). Give the JSON that kinora evaluate study aggregate wrote.", e);
        }
    }

    /// <summary>Indented JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, StudyJson.Default.StudyResult).ReplaceLineEndings("\n");
}
