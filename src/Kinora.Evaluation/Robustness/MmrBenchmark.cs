// The multimodal robustness benchmark: pairs of a neutral and a misleading question about the same picture or clip.
// Paper: Liu et al., "Seeing clearly, answering incorrectly: a multimodal robustness benchmark", arXiv:2406.10638.
// The format is that of BAAI-DCAI/Multimodal-Robustness-Benchmark: rows 2i and 2i+1 are a pair; options A to D stand in the question.

using System.Text.Json;
using System.Text.RegularExpressions;

namespace Kinora.Evaluation.Robustness;

/// <summary>One question.</summary>
/// <param name="Number">Place in the file, from 1.</param>
/// <param name="Id">level/category/serial.</param>
/// <param name="Media">The picture or clip.</param>
/// <param name="Question">With its four options.</param>
/// <param name="Truth">The right letter.</param>
/// <param name="Positive">Neutral (POS) rather than misleading (NEG).</param>
public sealed record MmrRow(int Number, string Id, string Media, string Question, string Truth, bool Positive)
{
    /// <summary>The id without its serial.</summary>
    public string Category => Id.LastIndexOf('/') is > 0 and var cut ? Id[..cut] : Id;

    /// <summary>The four options from A to D, without their letters, in whatever order they stand; null when they are malformed.</summary>
    public IReadOnlyList<string>? Options => MmrBenchmark.ParseOptions(Question);
}

/// <summary>Two questions about the same fact.</summary>
/// <param name="First">Row 2i.</param>
/// <param name="Second">Row 2i + 1.</param>
public sealed record MmrPair(MmrRow First, MmrRow Second)
{
    /// <summary>The neutral question; the first row when neither or both are.</summary>
    public MmrRow Positive => First.Positive || !Second.Positive ? First : Second;

    /// <summary>The other one.</summary>
    public MmrRow Negative => ReferenceEquals(Positive, First) ? Second : First;

    /// <summary>The category of both.</summary>
    public string Category => First.Category;
}

/// <summary>Something wrong in a benchmark file.</summary>
/// <param name="Row">Place in the file, from 1.</param>
/// <param name="Id">The row's id.</param>
/// <param name="Kind">"pair", "types", "question", "options", "duplicate", "truth"; or "order", which harms nobody who reads the letters.</param>
/// <param name="What">In words.</param>
public sealed record MmrDefect(int Row, string Id, string Kind, string What)
{
    /// <summary>Whether the question can be answered and scored all the same.</summary>
    public bool Harmless => Kind == "order";
}

/// <summary>A benchmark file and what is wrong with it.</summary>
/// <param name="Path">The file.</param>
/// <param name="Rows">Every question.</param>
/// <param name="Pairs">Neighboring rows, two and two.</param>
/// <param name="Defects">What is wrong, by row.</param>
public sealed partial record MmrBenchmark(string Path, IReadOnlyList<MmrRow> Rows, IReadOnlyList<MmrPair> Pairs, IReadOnlyList<MmrDefect> Defects)
{
    /// <summary>The letters of options.</summary>
    public static IReadOnlyList<string> Letters { get; } = ["A", "B", "C", "D"];

    /// <summary>Pairs without a defect that makes them unanswerable or pointless.</summary>
    public IReadOnlyList<MmrPair> SoundPairs
    {
        get
        {
            var bad = Defects.Where(d => !d.Harmless).Select(d => d.Row).ToHashSet();
            return [.. Pairs.Where(p => !bad.Contains(p.First.Number) && !bad.Contains(p.Second.Number))];
        }
    }

    /// <summary>Reads and checks a file: a JSON array of {id, image or video, question, ground_truth, question_type}.</summary>
    /// <exception cref="EvaluationException">It is no such array, or has an odd number of rows.</exception>
    public static MmrBenchmark Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(File.ReadAllBytes(path));
        }
        catch (JsonException e)
        {
            throw new EvaluationException($"{path}: not JSON ({e.Message}). Expected an array of questions.", e);
        }
        using (document)
        {
            if (document.RootElement.ValueKind != JsonValueKind.Array)
                throw new EvaluationException($"{path}: expected an array of questions, got {document.RootElement.ValueKind.ToString().ToLowerInvariant()}.");
            MmrRow[] rows = [.. document.RootElement.EnumerateArray().Select((e, i) => Row(path, e, i + 1))];
            return rows.Length % 2 == 0 && rows.Length > 0
                ? Of(path, rows)
                : throw new EvaluationException($"{path}: {rows.Length} questions cannot be {(rows.Length == 0 ? "scored" : "pairs; a row is missing")}.");
        }
    }

    /// <summary>Pairs rows and checks them.</summary>
    public static MmrBenchmark Of(string path, IReadOnlyList<MmrRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var pairs = new List<MmrPair>();
        var defects = new List<MmrDefect>();
        for (int i = 0; i + 1 < rows.Count; i += 2)
        {
            MmrRow a = rows[i], b = rows[i + 1];
            pairs.Add(new MmrPair(a, b));
            if (a.Id != b.Id)
                defects.Add(new MmrDefect(b.Number, b.Id, "pair", $"stands beside {a.Id}: neighboring rows must share their id"));
            else if (a.Media != b.Media)
                defects.Add(new MmrDefect(b.Number, b.Id, "pair", $"shows {b.Media}, its partner {a.Media}"));
            if (a.Positive == b.Positive)
                defects.Add(new MmrDefect(b.Number, b.Id, "types", $"both questions are {(a.Positive ? "POS" : "NEG")}"));
            if (Asked(a) == Asked(b))
                defects.Add(new MmrDefect(b.Number, b.Id, "question", "asks the same as its partner: nothing misleads"));
        }
        foreach (MmrRow row in rows)
        {
            if (row.Options is null)
                defects.Add(new MmrDefect(row.Number, row.Id, "options", "the options are not four lines that begin with A., B., C. and D."));
            else if (LettersOf(row.Question).Zip(Letters).Any(p => p.First != p.Second))
                defects.Add(new MmrDefect(row.Number, row.Id, "order", $"the options stand in the order {string.Join(", ", LettersOf(row.Question))}"));
            if (row.Options is { } options && options.GroupBy(t => t, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1) is { Key: var twice })
                defects.Add(new MmrDefect(row.Number, row.Id, "duplicate", $"two options say '{twice}'"));
            if (!Letters.Contains(row.Truth))
                defects.Add(new MmrDefect(row.Number, row.Id, "truth", $"the right answer is '{row.Truth}', not A to D"));
        }
        return new MmrBenchmark(path, rows, pairs, [.. defects.OrderBy(d => d.Row)]);
    }

    internal static IReadOnlyList<string>? ParseOptions(string question)
    {
        Match[] options = OptionLines(question);
        return options.Length == Letters.Count && options.All(m => m.Success) && Letters.All(l => options.Any(m => m.Groups["letter"].Value == l))
            ? [.. options.OrderBy(m => m.Groups["letter"].Value, StringComparer.Ordinal).Select(m => m.Groups["text"].Value.Trim())]
            : null;
    }

    private static Match[] OptionLines(string question) => [.. question.Split('\n').Skip(1).Where(l => l.Trim().Length > 0).Select(l => OptionLine().Match(l.Trim()))];

    private static IEnumerable<string> LettersOf(string question) => OptionLines(question).Select(m => m.Groups["letter"].Value);

    private static string Asked(MmrRow row) => row.Question.Split('\n')[0].Trim();

    private static MmrRow Row(string path, JsonElement e, int number)
    {
        string Text(string key) => e.ValueKind == JsonValueKind.Object && e.TryGetProperty(key, out JsonElement v) && v.ValueKind == JsonValueKind.String
            ? v.GetString()!
            : throw new EvaluationException($"{path}, question {number}: `{key}` is missing or no text.");
        bool video = e.ValueKind == JsonValueKind.Object && e.TryGetProperty("video", out _);
        string type = Text("question_type");
        if (type is not ("POS" or "NEG"))
            throw new EvaluationException($"{path}, question {number}: `question_type` is '{type}'; it must be POS or NEG.");
        return new MmrRow(number, Text("id"), Text(video ? "video" : "image"), Text("question"), Text("ground_truth"), type == "POS");
    }

    [GeneratedRegex(@"^(?<letter>[A-D])\.(?<text>.+)$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)] private static partial Regex OptionLine();
}
