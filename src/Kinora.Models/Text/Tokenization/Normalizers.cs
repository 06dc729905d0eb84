// The normalizers of tokenizer.json (huggingface/tokenizers v0.21, tokenizers/src/normalizers): text in, text out.

using System.Globalization;
using System.Text;

namespace Kinora.Models.Text.Tokenization;

/// <summary>A step from text to text before it is cut into words.</summary>
internal interface INormalizer
{
    string Normalize(string text);
}

/// <summary>NFC, NFD, NFKC or NFKD.</summary>
internal sealed class UnicodeForm(bool compatibility, bool compose) : INormalizer
{
    public string Normalize(string text) => UnicodeNormalization.Normalize(text, compatibility, compose);
}

/// <summary>Lower case by the full Unicode mapping.</summary>
/// <param name="hasFinalSigma">Whether a capital sigma that ends a word becomes ς, as in Python's <c>str.lower</c>; tokenizer.json maps every one to σ.</param>
internal sealed class Lowercase(bool hasFinalSigma) : INormalizer
{
    private const char CapitalSigma = 'Σ';

    public string Normalize(string text)
    {
        // U+0130 is the one character whose lower case has two, in any language but Turkish.
        string lower = text.ToLowerInvariant().Replace("\u0130", "i\u0307", StringComparison.Ordinal);
        if (!hasFinalSigma || !text.Contains(CapitalSigma, StringComparison.Ordinal) || lower.Length != text.Length)
        {
            return lower;
        }
        return string.Create(lower.Length, (text, lower), static (span, state) =>
        {
            state.lower.CopyTo(span);
            for (int i = 0; i < span.Length; i++)
            {
                if (state.text[i] == CapitalSigma && IsCasedBefore(state.text, i) && !IsCasedAfter(state.text, i))
                {
                    span[i] = 'ς';
                }
            }
        });
    }

    // Unicode Standard, table 3-17, Final_Sigma: behind a cased letter and before none, case-ignorable characters passed over.
    private static bool IsCasedBefore(string text, int i)
    {
        do
        {
            i--;
        }
        while (i >= 0 && IsCaseIgnorable(text[i]));
        return i >= 0 && IsCased(text[i]);
    }

    private static bool IsCasedAfter(string text, int i)
    {
        do
        {
            i++;
        }
        while (i < text.Length && IsCaseIgnorable(text[i]));
        return i < text.Length && IsCased(text[i]);
    }

    private static bool IsCased(char c) => char.IsUpper(c) || char.IsLower(c) || char.GetUnicodeCategory(c) == UnicodeCategory.TitlecaseLetter;

    private static bool IsCaseIgnorable(char c) => c is '\'' or '.' or ':' or '·' or '’' or '‘' || char.GetUnicodeCategory(c) is
        UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol;
}

/// <summary>Drops every nonspacing mark.</summary>
internal sealed class StripAccents : INormalizer
{
    public string Normalize(string text)
    {
        var kept = new StringBuilder(text.Length);
        Span<char> units = stackalloc char[2];
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (Rune.GetUnicodeCategory(rune) != UnicodeCategory.NonSpacingMark)
            {
                kept.Append(units[..rune.EncodeToUtf16(units)]);
            }
        }
        return kept.ToString();
    }
}

/// <summary>Drops white space at the ends.</summary>
internal sealed class Strip(bool left, bool right) : INormalizer
{
    public string Normalize(string text) => (left, right) switch
    {
        (true, true) => text.Trim(),
        (true, false) => text.TrimStart(),
        (false, true) => text.TrimEnd(),
        _ => text,
    };
}

/// <summary>Puts a text in front, unless there is nothing to put it in front of.</summary>
internal sealed class Prepend(string prefix) : INormalizer
{
    public string Normalize(string text) => text.Length == 0 ? text : prefix + text;
}

/// <summary>Replaces every occurrence of a literal text.</summary>
internal sealed class ReplaceText(string pattern, string content) : INormalizer
{
    public string Normalize(string text) => text.Replace(pattern, content, StringComparison.Ordinal);
}

/// <summary>Replaces every match of a pattern by a literal text.</summary>
internal sealed class ReplacePattern(ScalarRegex pattern, string content) : INormalizer
{
    public string Normalize(string text)
    {
        var matches = pattern.Matches(text);
        if (matches.Count == 0)
        {
            return text;
        }
        var result = new StringBuilder(text.Length);
        int end = 0;
        foreach (var (start, matchEnd) in matches)
        {
            result.Append(text, end, start - end).Append(content);
            end = matchEnd;
        }
        return result.Append(text, end, text.Length - end).ToString();
    }
}

/// <summary>Control characters away, every kind of blank to a space.</summary>
internal sealed class Nmt : INormalizer
{
    public string Normalize(string text)
    {
        var kept = new StringBuilder(text.Length);
        foreach (char c in text)
        {
            if (c is (>= '\u0001' and <= '\u0008') or '\u000B' or (>= '\u000E' and <= '\u001F') or '\u007F' or '\u008F' or '\u009F')
            {
                continue;
            }
            bool blank = c is '\t' or '\n' or '\f' or '\r' or '\u1680' or (>= '\u200B' and <= '\u200F') or '\u2028' or '\u2029' or '\u2581' or '\uFEFF' or '\uFFFD';
            kept.Append(blank ? ' ' : c);
        }
        return kept.ToString();
    }
}

/// <summary>The cleaning of BERT: control characters, blanks around ideographs, accents, case.</summary>
internal sealed class BertNormalizer(bool cleanText, bool handleChineseChars, bool stripAccents, bool lowercase) : INormalizer
{
    private static readonly UnicodeForm Nfd = new(compatibility: false, compose: false);
    private static readonly StripAccents Accents = new();
    private static readonly Lowercase Lower = new(hasFinalSigma: false);

    public string Normalize(string text)
    {
        var result = new StringBuilder(text.Length);
        Span<char> units = stackalloc char[2];
        foreach (Rune rune in text.EnumerateRunes())
        {
            Rune kept = rune;
            if (cleanText)
            {
                bool isControl = rune.Value is not ('\t' or '\n' or '\r') && Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned;
                if (rune.Value is 0 or 0xFFFD || isControl)
                {
                    continue;
                }
                kept = Rune.IsWhiteSpace(rune) ? new Rune(' ') : rune;
            }
            bool apart = handleChineseChars && IsIdeograph(kept.Value);
            result.Append(apart ? " " : "").Append(units[..kept.EncodeToUtf16(units)]).Append(apart ? " " : "");
        }
        string clean = result.ToString();
        clean = stripAccents ? Accents.Normalize(Nfd.Normalize(clean)) : clean;
        return lowercase ? Lower.Normalize(clean) : clean;
    }

    private static bool IsIdeograph(int c) => c is (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x20000 and <= 0x2A6DF) or (>= 0x2A700 and <= 0x2B73F)
        or (>= 0x2B740 and <= 0x2B81F) or (>= 0x2B820 and <= 0x2CEAF) or (>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F);
}

/// <summary>Each byte of the UTF-8 text as its printable stand-in.</summary>
internal sealed class ByteLevelNormalizer : INormalizer
{
    public string Normalize(string text) => ByteLevel.ToAlphabet(text);
}

/// <summary>Every run of white space, in Python's sense, becomes one space; none stays at the ends.</summary>
internal sealed class CollapsedWhiteSpace : INormalizer
{
    public string Normalize(string text)
    {
        var result = new StringBuilder(text.Length);
        bool pending = false;
        foreach (char c in text)
        {
            // Python counts the four separators of ASCII as white space, Unicode does not.
            if (char.IsWhiteSpace(c) || c is >= '\u001C' and <= '\u001F')
            {
                pending = result.Length > 0;
                continue;
            }
            if (pending)
            {
                result.Append(' ');
                pending = false;
            }
            result.Append(c);
        }
        return result.ToString();
    }
}
