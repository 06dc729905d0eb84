// Regular expressions over Unicode scalars. The runtime's match UTF-16 units, so a letter beyond U+FFFF is no \p{L} to them;
// here such a scalar is matched as one unit of the same general category.

using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Kinora.Engine;

namespace Kinora.Models.Text.Tokenization;

/// <summary>A pattern of tokenizer.json, which is in the syntax of Oniguruma; what the two syntaxes share is supported.</summary>
internal sealed class ScalarRegex
{
    private const int MaxPatternLength = 4096;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly char[] StandIns = FindStandIns();

    private readonly Regex _regex;

    /// <exception cref="ConfigException">The pattern is not supported.</exception>
    public ScalarRegex(string pattern)
    {
        if (pattern.Length is 0 or > MaxPatternLength)
        {
            throw new ConfigException($"a regular expression of {pattern.Length} characters; 1 to {MaxPatternLength} are supported");
        }
        try
        {
            _regex = new Regex(pattern, RegexOptions.CultureInvariant, Patience);
        }
        catch (ArgumentException e)
        {
            throw new ConfigException($"the regular expression {pattern} is not supported: {e.Message}", e);
        }
    }

    /// <summary>Start and end, in UTF-16 units, of every match that is not empty.</summary>
    /// <exception cref="ConfigException">Matching takes longer than two seconds.</exception>
    public List<(int Start, int End)> Matches(string text)
    {
        string shadow = text;
        int[]? offsets = null;
        if (text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            (shadow, offsets) = Shadow(text);
        }
        var found = new List<(int, int)>();
        try
        {
            for (Match match = _regex.Match(shadow); match.Success; match = match.NextMatch())
            {
                if (match.Length > 0)
                {
                    int start = match.Index;
                    int end = start + match.Length;
                    found.Add(offsets is null ? (start, end) : (offsets[start], offsets[end]));
                }
            }
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new ConfigException($"the regular expression {_regex} takes more than {Patience.TotalSeconds} seconds on a text of {text.Length} characters", e);
        }
        return found;
    }

    private static (string Shadow, int[] Offsets) Shadow(string text)
    {
        var shadow = new StringBuilder(text.Length);
        var offsets = new List<int>(text.Length + 1);
        for (int i = 0; i < text.Length;)
        {
            offsets.Add(i);
            Rune.DecodeFromUtf16(text.AsSpan(i), out Rune rune, out int length);
            shadow.Append(length == 1 ? text[i] : StandIns[(int)Rune.GetUnicodeCategory(rune)]);
            i += length;
        }
        offsets.Add(text.Length);
        return (shadow.ToString(), [.. offsets]);
    }

    /// <summary>For each category, a character that no pattern is likely to name.</summary>
    private static char[] FindStandIns()
    {
        var standIns = new char[(int)UnicodeCategory.OtherNotAssigned + 1];
        for (int c = 0; c <= 0xFFFF; c++)
        {
            standIns[(int)CharUnicodeInfo.GetUnicodeCategory((char)c)] = (char)c;
        }
        return standIns;
    }
}
