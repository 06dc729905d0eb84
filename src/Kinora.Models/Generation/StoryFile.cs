// The file of generate --story: one line for each prompt, with the time that it is for.
//
//     # frames, or seconds with an s; what has no end lasts until the next line
//     0-17: a red balloon rises over a city
//     17-33: "a red balloon bounces on a beach"

using System.Globalization;
using System.Text.RegularExpressions;
using Kinora.Engine;

namespace Kinora.Models.Generation;

/// <summary>Prompts over time, as they stand in a file; times in seconds become frames when the frame rate is known.</summary>
public sealed partial class StoryFile
{
    private const int MatchTimeoutMilliseconds = 1000, MostLines = 1000;
    private readonly string _path;
    private readonly IReadOnlyList<Entry> _entries;

    private StoryFile(string path, IReadOnlyList<Entry> entries) => (_path, _entries) = (path, entries);

    /// <summary>The prompts in order.</summary>
    public IReadOnlyList<string> Prompts => [.. _entries.Select(e => e.Prompt)];

    /// <summary>Reads a file.</summary>
    /// <exception cref="ConfigException">A line is none of a story; the message has its number.</exception>
    public static StoryFile Read(string path) => Parse(File.ReadAllText(path), path);

    /// <summary>Reads the text of a file.</summary>
    /// <param name="text">Lines <c>START-END: prompt</c> or <c>START: prompt</c>; empty lines and those that begin with # say nothing.</param>
    /// <param name="path">What to call it in messages.</param>
    /// <exception cref="ConfigException">A line is none of a story; the message has its number.</exception>
    public static StoryFile Parse(string text, string path)
    {
        ArgumentNullException.ThrowIfNull(text);
        var entries = new List<Entry>();
        string[] lines = text.Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Trim();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }
            Match match = Line().Match(line);
            string prompt = Unquoted(match.Groups["prompt"].Value.Trim());
            if (!match.Success || prompt.Length == 0)
            {
                throw new ConfigException($"{path}, line {i + 1}: \"{line[..Math.Min(60, line.Length)]}\" is no part of a story; write \"0-17: a red balloon rises\" for frames, or \"0s-2s: a red balloon rises\" for seconds.");
            }
            entries.Add(new Entry(i + 1, Time.Parse(match.Groups["start"].Value), match.Groups["end"].Success ? Time.Parse(match.Groups["end"].Value) : null, prompt));
        }
        if (entries.Count is 0 or > MostLines)
        {
            throw new ConfigException($"{path}: a story has 1 to {MostLines} parts, this has {entries.Count}.");
        }
        return new StoryFile(path, entries);
    }

    /// <summary>The parts in frames.</summary>
    /// <param name="frameRate">Frames per second.</param>
    /// <param name="frames">Frames of the whole clip, if that is known; needed when the last line has no end.</param>
    /// <exception cref="ConfigException">The times leave a gap, overlap, or do not fit the whole; the message has the line's number.</exception>
    public IReadOnlyList<StoryPart> Parts(double frameRate, int? frames)
    {
        var parts = new List<StoryPart>();
        int begin = 0;
        for (int i = 0; i < _entries.Count; i++)
        {
            Entry entry = _entries[i], next = i + 1 < _entries.Count ? _entries[i + 1] : entry;
            int start = entry.Start.Frames(frameRate);
            int? stated = entry.End?.Frames(frameRate);
            int end = stated ?? (i + 1 < _entries.Count ? next.Start.Frames(frameRate)
                : frames ?? throw Wrong(entry, "the last part has no end: write one, or say with --frames how long the clip is."));
            if (start != begin)
            {
                throw Wrong(entry, i == 0 ? RequestChecks.Invariant($"a story begins at 0, this at frame {start}.") : RequestChecks.Invariant($"it begins at frame {start}, and the part before ends at {begin}; parts follow one another without gaps and overlaps."));
            }
            if (end <= start)
            {
                throw Wrong(entry, RequestChecks.Invariant($"it ends at frame {end} and begins at {start}: no frame is left for it."));
            }
            parts.Add(new StoryPart(entry.Prompt, end - start));
            begin = end;
        }
        return frames is null || frames == begin ? parts
            : throw Wrong(_entries[^1], RequestChecks.Invariant($"the story ends at frame {begin}; --frames says {frames}."));
    }

    private ConfigException Wrong(Entry entry, string what) => new(RequestChecks.Invariant($"{_path}, line {entry.Line}: {what}"));

    // As YAML quotes a text that it would misread.
    private static string Unquoted(string text) => text.Length >= 2 && text[0] is '"' or '\'' && text[^1] == text[0] ? text[1..^1].Trim() : text;

    [GeneratedRegex(@"^(?<start>[0-9]+(\.[0-9]+)?s|[0-9]+)(\s*-\s*(?<end>[0-9]+(\.[0-9]+)?s|[0-9]+))?\s*:\s*(?<prompt>.+)$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, MatchTimeoutMilliseconds)]
    private static partial Regex Line();

    private sealed record Entry(int Line, Time Start, Time? End, string Prompt);

    private readonly record struct Time(double Value, bool IsSeconds)
    {
        public static Time Parse(string text) => text[^1] == 's'
            ? new Time(double.Parse(text.AsSpan(0, text.Length - 1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture), true)
            : new Time(double.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture), false);

        public int Frames(double frameRate) => (int)Math.Min(int.MaxValue, Math.Round(IsSeconds ? Value * frameRate : Value));
    }
}
