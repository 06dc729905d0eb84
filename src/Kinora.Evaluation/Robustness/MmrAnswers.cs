// What a model answered, and which letter that is.

using System.Text.Json;
using System.Text.RegularExpressions;

namespace Kinora.Evaluation.Robustness;

/// <summary>How a letter is found in an answer.</summary>
public enum AnswerParsing
{
    /// <summary>The answer begins with a letter A to D that stands alone, after "answer:" or in brackets at most.</summary>
    Strict,

    /// <summary>The published script: text before the first period, commas as spaces, the first of A, B, C, D that is a word of it.</summary>
    Published,
}

/// <summary>Answers to a benchmark's questions.</summary>
public sealed partial class MmrAnswers
{
    /// <summary>Stands for an answer without a letter.</summary>
    public const string None = "E";

    private readonly Dictionary<(string Id, bool Positive), Queue<string>> _texts = [];

    private MmrAnswers(string name) => Name = name;

    /// <summary>The file, or what made the answers.</summary>
    public string Name { get; }

    /// <summary>Reads lines of {id, question_type, answer}.</summary>
    /// <exception cref="EvaluationException">A line is damaged; the message names it.</exception>
    public static MmrAnswers Read(string path)
    {
        var answers = new MmrAnswers(path);
        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            if (line.Trim().Length == 0)
                continue;
            try
            {
                using var json = JsonDocument.Parse(line);
                string Text(string key) => json.RootElement.TryGetProperty(key, out JsonElement v) && v.ValueKind == JsonValueKind.String ? v.GetString()! : throw new EvaluationException($"{path}, line {number}: `{key}` is missing or no text. A line is {{\"id\", \"question_type\", \"answer\"}}.");
                answers.Add(Text("id"), Text("question_type") == "POS", Text("answer"));
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                throw new EvaluationException($"{path}, line {number}: not a JSON object ({e.Message}).", e);
            }
        }
        return answers;
    }

    /// <summary>Answers by a rule that never looks at the picture: the floor under every model.</summary>
    public static MmrAnswers Baseline(MmrBenchmark benchmark, string name, Func<MmrRow, string> rule)
    {
        ArgumentNullException.ThrowIfNull(benchmark);
        ArgumentNullException.ThrowIfNull(rule);
        var answers = new MmrAnswers(name);
        foreach (MmrRow row in benchmark.Rows)
            answers.Add(row.Id, row.Positive, rule(row));
        return answers;
    }

    /// <summary>Letters by row, in the order of the benchmark.</summary>
    /// <exception cref="EvaluationException">A question has no answer, or an answer belongs to no question.</exception>
    public IReadOnlyDictionary<int, string> Match(MmrBenchmark benchmark, AnswerParsing parsing)
    {
        ArgumentNullException.ThrowIfNull(benchmark);
        var left = _texts.ToDictionary(t => t.Key, t => new Queue<string>(t.Value));
        var letters = new Dictionary<int, string>();
        var missing = new List<MmrRow>();
        foreach (MmrRow row in benchmark.Rows)
        {
            if (left.TryGetValue((row.Id, row.Positive), out var queue) && queue.TryDequeue(out string? text))
                letters[row.Number] = Letter(text, parsing);
            else
                missing.Add(row);
        }
        if (missing.Count > 0)
            throw new EvaluationException($"{Name}: {missing.Count} of {benchmark.Rows.Count} questions have no answer, the first is {missing[0].Id} {(missing[0].Positive ? "POS" : "NEG")}. Answer every question; an empty answer counts as wrong.");
        return left.FirstOrDefault(l => l.Value.Count > 0) is { Key.Id: { } extra }
            ? throw new EvaluationException($"{Name}: an answer to {extra} {(left.First(l => l.Value.Count > 0).Key.Positive ? "POS" : "NEG")} belongs to no question of {benchmark.Path}, or is given twice.")
            : letters;
    }

    /// <summary>The letter in an answer; <see cref="None"/> when there is none.</summary>
    public static string Letter(string answer, AnswerParsing parsing)
    {
        ArgumentNullException.ThrowIfNull(answer);
        if (parsing == AnswerParsing.Strict)
            return StrictLetter().Match(answer) is { Success: true } m ? m.Groups["letter"].Value : None;
        string[] words = answer.Split('.')[0].Replace(',', ' ').Split(' ');
        return MmrBenchmark.Letters.FirstOrDefault(words.Contains) ?? None;
    }

    private void Add(string id, bool positive, string text)
    {
        if (!_texts.TryGetValue((id, positive), out var queue))
            _texts[(id, positive)] = queue = new Queue<string>();
        queue.Enqueue(text);
    }

    [GeneratedRegex(@"^\s*(?:(?:[Tt]he )?[Aa]nswer(?: is|:)?\s*)?\(?(?<letter>[A-D])(?:\)|\.|:|,|\s*$)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)] private static partial Regex StrictLetter();
}
