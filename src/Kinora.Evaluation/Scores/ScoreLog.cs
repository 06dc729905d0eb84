// Scores as lines of JSON that are only ever added: a line is one score with its passport, its subject and its time.

using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Evaluation.Scores;

/// <summary>One line of a scores file.</summary>
/// <param name="Schema">"kinora-score/1".</param>
/// <param name="Time">When, in UTC.</param>
/// <param name="Subject">What was judged.</param>
/// <param name="Clip">The clip, where the number is that of one clip.</param>
/// <param name="Score">The number.</param>
public sealed record ScoreLine(string Schema, DateTimeOffset Time, string Subject, string? Clip, Score Score);

/// <summary>Reads and appends scores files.</summary>
public static class ScoreLog
{
    /// <summary>Appends the scores of <paramref name="subject"/>.</summary>
    public static void Append(string path, string subject, IEnumerable<Score> scores, DateTimeOffset time, string? clip = null)
    {
        ArgumentNullException.ThrowIfNull(scores);
        var text = new StringBuilder();
        foreach (Score score in scores)
            text.Append(JsonSerializer.Serialize(new ScoreLine(Score.Schema, time, subject, clip, score), ScoreJson.Default.ScoreLine)).Append('\n');
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder)
            Directory.CreateDirectory(folder);
        using var file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read);
        file.Write(Encoding.UTF8.GetBytes(text.ToString()));
        file.Flush(flushToDisk: true);
    }

    /// <summary>Every line of a file.</summary>
    /// <exception cref="EvaluationException">A line is damaged or of another schema; the message names it.</exception>
    public static IReadOnlyList<ScoreLine> Read(string path)
    {
        var lines = new List<ScoreLine>();
        int number = 0;
        foreach (string text in File.ReadLines(path))
        {
            number++;
            if (text.Length == 0)
                continue;
            ScoreLine? line;
            try
            {
                line = JsonSerializer.Deserialize(text, ScoreJson.Default.ScoreLine);
            }
            catch (JsonException e)
            {
                throw new EvaluationException($"{path}, line {number}: not a score ({e.Message}). The file is append-only; a damaged last line can be removed.", e);
            }
            if (line?.Schema != Score.Schema)
                throw new EvaluationException($"{path}, line {number}: schema '{line?.Schema}' is not {Score.Schema}.");
            lines.Add(line);
        }
        return lines;
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(ScoreLine))]
internal sealed partial class ScoreJson : JsonSerializerContext;
