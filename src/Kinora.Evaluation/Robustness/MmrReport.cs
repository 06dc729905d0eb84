using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Evaluation.Robustness;

/// <summary>A share with its 95 % Wilson interval.</summary>
public sealed record MmrRate(int Successes, int Trials, double Share, double Low, double High)
{
    internal static MmrRate? Of(Statistics.WilsonInterval? w) => w is { } v ? new MmrRate(v.Successes, v.Trials, v.Share, v.Low, v.High) : null;
}

/// <summary>Rates of one category.</summary>
public sealed record MmrLine(string Category, int Pairs, MmrRate RobustnessAccuracy, MmrRate? MisleadingRate, MmrRate PositiveAccuracy, MmrRate NegativeAccuracy)
{
    internal static MmrLine Of(MmrCell c) => new(c.Category, c.Pairs, MmrRate.Of(c.RobustnessAccuracy)!, MmrRate.Of(c.MisleadingRate), MmrRate.Of(c.PositiveAccuracy)!, MmrRate.Of(c.NegativeAccuracy)!);
}

/// <summary>Scores of one answerer, as JSON.</summary>
public sealed record MmrAnswerer(string Name, MmrLine All, IReadOnlyList<MmrLine> Categories, IReadOnlyList<LetterUse> Letters)
{
    internal static MmrAnswerer Of(MmrScores s) => new(s.Name, MmrLine.Of(s.All), [.. s.Categories.Select(MmrLine.Of)], s.Letters);
}

/// <summary>A comparison of two answerers by McNemar's exact test on pairs with both answers right.</summary>
public sealed record MmrComparison(string A, string B, int OnlyA, int OnlyB, double P);

/// <summary>Everything that <c>kinora evaluate mmr</c> finds.</summary>
/// <param name="Benchmark">The file.</param>
/// <param name="Parsing">"strict" or "published".</param>
/// <param name="Rows">Questions in the file.</param>
/// <param name="PairsScored">Pairs behind the rates.</param>
/// <param name="Defects">What is wrong in the file.</param>
/// <param name="Answerers">The answers given, then the floors.</param>
/// <param name="Comparisons">Between the files given.</param>
public sealed record MmrReport(string Benchmark, string Parsing, int Rows, int PairsScored, IReadOnlyList<MmrDefect> Defects, IReadOnlyList<MmrAnswerer> Answerers, IReadOnlyList<MmrComparison> Comparisons)
{
    /// <summary>The format.</summary>
    public string Schema { get; init; } = "kinora-mmr/1";

    /// <summary>Scores answer files and the two floors: always A, and the longest option.</summary>
    /// <param name="keepMalformed">Score pairs with defects too.</param>
    public static MmrReport Of(MmrBenchmark benchmark, IReadOnlyList<MmrAnswers> answers, AnswerParsing parsing, bool keepMalformed)
    {
        ArgumentNullException.ThrowIfNull(benchmark);
        ArgumentNullException.ThrowIfNull(answers);
        IReadOnlyList<MmrPair> pairs = keepMalformed ? benchmark.Pairs : benchmark.SoundPairs;
        MmrAnswers[] floors = [MmrAnswers.Baseline(benchmark, "always A", _ => "A."), MmrAnswers.Baseline(benchmark, "longest option", Longest)];
        MmrScores[] given = [.. answers.Select(a => MmrScores.Of(a, benchmark, pairs, parsing))];
        MmrScores[] all = [.. given, .. floors.Select(f => MmrScores.Of(f, benchmark, pairs, AnswerParsing.Strict))];
        var comparisons = from i in Enumerable.Range(0, given.Length)
                          from j in Enumerable.Range(i + 1, given.Length - i - 1)
                          let test = Statistics.McNemarTest.Of(given[i].RobustPairs, given[j].RobustPairs)
                          select new MmrComparison(given[i].Name, given[j].Name, test.OnlyA, test.OnlyB, test.P);
        return new MmrReport(benchmark.Path, parsing.ToString().ToLowerInvariant(), benchmark.Rows.Count, pairs.Count, benchmark.Defects, [.. all.Select(MmrAnswerer.Of)], [.. comparisons]);
    }

    /// <summary>Indented JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, MmrJson.Default.MmrReport).ReplaceLineEndings("\n");

    private static string Longest(MmrRow row)
    {
        IReadOnlyList<string>? options = row.Options;
        return options is null ? "A." : MmrBenchmark.Letters[Enumerable.Range(0, options.Count).MaxBy(i => options[i].Length)] + ".";
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(MmrReport))]
internal sealed partial class MmrJson : JsonSerializerContext;
