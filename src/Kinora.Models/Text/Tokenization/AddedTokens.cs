// Tokens that are found in text as they are written, before anything else is done to it.

using System.Globalization;
using System.Text;

namespace Kinora.Models.Text.Tokenization;

/// <summary>A token of the user's text that no model may cut.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">How it is written.</param>
/// <param name="IsSpecial">Whether it is left out when text is made from ids.</param>
/// <param name="SingleWord">Whether letters and digits may not touch it.</param>
/// <param name="TakesLeft">Whether it swallows the white space before it.</param>
/// <param name="TakesRight">Whether it swallows the white space behind it.</param>
/// <param name="InNormalized">Whether it is looked for after normalization, in its own normalized form, instead of before.</param>
internal sealed record AddedToken(int Id, string Content, bool IsSpecial, bool SingleWord = false, bool TakesLeft = false, bool TakesRight = false, bool InNormalized = false);

/// <summary>Cuts text at added tokens: the leftmost, of those the longest.</summary>
internal sealed class AddedTokens
{
    private readonly Dictionary<char, (string Text, AddedToken Token)[]> _byFirst;

    public AddedTokens(IEnumerable<(string Text, AddedToken Token)> tokens) =>
        _byFirst = tokens.Where(t => t.Text.Length > 0)
            .GroupBy(t => t.Text[0])
            .ToDictionary(g => g.Key, g => g.OrderByDescending(t => t.Text.Length).ThenBy(t => t.Token.Id).ToArray());

    /// <summary>The text between added tokens and the added tokens, in order; stretches without text are left out.</summary>
    public List<(string Text, bool IsFirst, AddedToken? Token)> Split(string text)
    {
        var parts = new List<(string, bool, AddedToken?)>();
        int from = 0;
        for (int at = 0; at < text.Length && _byFirst.Count > 0;)
        {
            if (Match(text, at) is not { } found)
            {
                at++;
                continue;
            }
            int left = found.Token.TakesLeft ? from + text.AsSpan(from, at - from).TrimEnd().Length : at;
            AddText(from, left);
            parts.Add((text[at..(at + found.Text.Length)], at == 0, found.Token));
            at += found.Text.Length;
            if (found.Token.TakesRight)
            {
                at = text.Length - text.AsSpan(at).TrimStart().Length;
            }
            from = at;
        }
        AddText(from, text.Length);
        return parts;

        void AddText(int start, int end)
        {
            if (end > start)
            {
                parts.Add((text[start..end], start == 0, null));
            }
        }
    }

    private (string Text, AddedToken Token)? Match(string text, int at)
    {
        if (!_byFirst.TryGetValue(text[at], out var candidates))
        {
            return null;
        }
        foreach (var candidate in candidates)
        {
            int end = at + candidate.Text.Length;
            if (end <= text.Length && text.AsSpan(at, candidate.Text.Length).SequenceEqual(candidate.Text)
                && (!candidate.Token.SingleWord || ((at == 0 || !IsWord(text[at - 1])) && (end == text.Length || !IsWord(text[end])))))
            {
                return candidate;
            }
        }
        return null;
    }

    private static bool IsWord(char c) => char.IsLetterOrDigit(c) || c == '_' || char.GetUnicodeCategory(c) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.ConnectorPunctuation;
}
