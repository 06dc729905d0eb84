// Rename tables between published layouts and ours: rows of (published name, our name, step), invertible.

using System.Globalization;

namespace Kinora.Models.Checkpoints;

/// <summary>
/// One row: names are dotted; <c>{}</c> stands for one segment and <c>{*}</c>, at the end, for one or more. What they stand for goes over
/// in order.
/// </summary>
/// <param name="Published">The name in the published layout.</param>
/// <param name="Own">Our name.</param>
/// <param name="Step">What happens to the tensor.</param>
public sealed record KeyRule(string Published, string Own, KeyStep Step)
{
    public KeyRule(string published, string own)
        : this(published, own, KeyStep.Same)
    {
    }
}

/// <summary>Tensors that a layout carries and no network needs.</summary>
/// <param name="Published">The name, as in <see cref="KeyRule"/>.</param>
/// <param name="Reason">Why it is left out.</param>
public sealed record KeyOmission(string Published, string Reason);

/// <summary>The rename table of one layout.</summary>
public sealed class KeyMap
{
    private const string One = "{}", Rest = "{*}";

    private readonly Dictionary<string, List<(string[] From, string[] To, KeyStep Step)>> _toOwn, _toPublished;
    private readonly List<(string[] Pattern, string Reason)> _omitted;

    public KeyMap(IEnumerable<KeyRule> rules, IEnumerable<KeyOmission>? omitted = null)
    {
        Rules = [.. rules];
        _toOwn = Index(Rules.Select(r => (r.Published.Split('.'), r.Own.Split('.'), r.Step)));
        _toPublished = Index(Rules.Select(r => (r.Own.Split('.'), r.Published.Split('.'), r.Step)));
        _omitted = [.. (omitted ?? []).Select(o => (o.Published.Split('.'), o.Reason))];
    }

    /// <summary>The rows.</summary>
    public IReadOnlyList<KeyRule> Rules { get; }

    /// <summary>The parameters that a published tensor gives; none when the table does not know it.</summary>
    public IReadOnlyList<(string Own, KeyStep Step)> ToOwn(string published) => Apply(_toOwn, published);

    /// <summary>The published tensor that a parameter comes from; null when the table does not know it.</summary>
    public (string Published, KeyStep Step)? ToPublished(string own) => Apply(_toPublished, own) is [var first, ..] ? first : null;

    /// <summary>Why a published tensor is left out; null when it is not.</summary>
    public string? ReasonToOmit(string published)
    {
        string[] segments = published.Split('.');
        return _omitted.Find(o => Match(o.Pattern, segments) is not null).Reason;
    }

    private static Dictionary<string, List<(string[], string[], KeyStep)>> Index(IEnumerable<(string[] From, string[] To, KeyStep Step)> rules) =>
        rules.GroupBy(r => r.From[0], StringComparer.Ordinal).ToDictionary(
            g => g.Key,
            // The row that says most about a name wins.
            g => g.OrderByDescending(r => r.From.Count(s => s is not (One or Rest))).ThenByDescending(r => r.From.Length).ToList(),
            StringComparer.Ordinal);

    private static List<(string, KeyStep)> Apply(Dictionary<string, List<(string[] From, string[] To, KeyStep Step)>> index, string name)
    {
        string[] segments = name.Split('.');
        var found = new List<(string, KeyStep)>();
        foreach (string first in (string[])[segments[0], One])
        {
            foreach (var (from, to, step) in index.GetValueOrDefault(first) ?? [])
            {
                if (Match(from, segments) is not { } captured)
                {
                    continue;
                }
                // Several rows of one published name are parts of it; otherwise the first row that fits wins.
                if (found.Count > 0 && step is not KeyStep.PartsStep)
                {
                    continue;
                }
                int next = 0;
                found.Add((string.Join('.', to.Select(s => s is One or Rest ? captured[next++] : s)), step));
            }
        }
        return found;
    }

    private static List<string>? Match(string[] pattern, string[] segments)
    {
        bool open = pattern[^1] == Rest;
        if (open ? segments.Length < pattern.Length : segments.Length != pattern.Length)
        {
            return null;
        }
        var captured = new List<string>();
        for (int i = 0; i < pattern.Length; i++)
        {
            if (pattern[i] == One)
            {
                captured.Add(segments[i]);
            }
            else if (pattern[i] == Rest)
            {
                captured.Add(string.Join('.', segments[i..]));
            }
            else if (pattern[i] != segments[i])
            {
                return null;
            }
        }
        return captured;
    }

    /// <summary>Text with whole numbers in it, for tables that are generated.</summary>
    internal static string Name(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
