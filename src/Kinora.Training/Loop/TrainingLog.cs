// log.jsonl: one JSON object per line, appended and flushed. A resumed run first drops the lines that its checkpoint does not know.

using System.Text;
using System.Text.Json;

namespace Kinora.Training.Loop;

/// <summary>The log of one stage.</summary>
internal sealed class TrainingLog : IDisposable
{
    private readonly StreamWriter _writer;

    /// <summary>Opens the log at <paramref name="path"/>, keeping the entries up to <paramref name="step"/>.</summary>
    public TrainingLog(string path, long step)
    {
        var kept = Read(path).TakeWhile(e => e.Step <= step).ToList();
        string temporary = path + ".tmp";
        File.WriteAllLines(temporary, kept.Select(e => JsonSerializer.Serialize(e, RunJson.Default.LogEntry)));
        File.Move(temporary, path, overwrite: true);
        Entries = kept;
        _writer = new StreamWriter(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read), new UTF8Encoding(false));
    }

    /// <summary>Everything logged so far.</summary>
    public List<LogEntry> Entries { get; }

    /// <summary>The entries of a log; a last line cut off by a crash is left out.</summary>
    public static IEnumerable<LogEntry> Read(string path)
    {
        if (!File.Exists(path))
            yield break;
        foreach (string line in File.ReadAllLines(path))
        {
            LogEntry? entry = null;
            try
            {
                entry = JsonSerializer.Deserialize(line, RunJson.Default.LogEntry);
            }
            catch (JsonException)
            {
                // Only the line that was being written when the process died can be incomplete, and it is the last.
                yield break;
            }
            if (entry is not null)
                yield return entry;
        }
    }

    /// <summary>Appends an entry.</summary>
    public void Add(LogEntry entry)
    {
        Entries.Add(entry);
        _writer.Write(JsonSerializer.Serialize(entry, RunJson.Default.LogEntry));
        _writer.Write('\n');
        _writer.Flush();
    }

    /// <inheritdoc/>
    public void Dispose() => _writer.Dispose();
}
