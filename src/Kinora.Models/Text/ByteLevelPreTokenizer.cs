// Cuts text into the pieces inside which byte-level BPE may merge.
// Source: openai/gpt-2, encoder.py. The pattern, as an automaton over Unicode scalars so that letters beyond U+FFFF count as letters:
//     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+

using System.Globalization;
using System.Text;

namespace Kinora.Models.Text;

internal static class ByteLevelPreTokenizer
{
    private enum Kind
    {
        Space,
        Letter,
        Number,
        Other,
    }

    /// <summary>Length in UTF-16 units of the piece at the start of <paramref name="text"/>, which is not empty.</summary>
    public static int NextPiece(ReadOnlySpan<char> text)
    {
        int contraction = ContractionLength(text);
        if (contraction > 0)
        {
            return contraction;
        }
        Kind first = KindAt(text, 0, out int firstLength);
        if (first != Kind.Space)
        {
            return RunEnd(text, 0, first);
        }
        if (text[0] == ' ' && text.Length > 1)
        {
            Kind next = KindAt(text, 1, out _);
            if (next != Kind.Space)
            {
                return RunEnd(text, 1, next);
            }
        }
        // A run of white space leaves its last character to the word behind it: \s+(?!\S), and \s+ when only that one is there.
        int end = firstLength;
        int last = firstLength;
        while (end < text.Length && KindAt(text, end, out int length) == Kind.Space)
        {
            end += length;
            last = length;
        }
        return end < text.Length && end > last ? end - last : end;
    }

    private static int ContractionLength(ReadOnlySpan<char> text)
    {
        if (text[0] != '\'' || text.Length < 2)
        {
            return 0;
        }
        if (text[1] is 's' or 't' or 'm' or 'd')
        {
            return 2;
        }
        return text.Length > 2 && (text[1], text[2]) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? 3 : 0;
    }

    private static int RunEnd(ReadOnlySpan<char> text, int start, Kind kind)
    {
        int end = start;
        while (end < text.Length && KindAt(text, end, out int length) == kind)
        {
            end += length;
        }
        return end;
    }

    private static Kind KindAt(ReadOnlySpan<char> text, int index, out int length)
    {
        char c = text[index];
        if (char.IsAscii(c))
        {
            length = 1;
            return char.IsAsciiLetter(c) ? Kind.Letter
                : char.IsAsciiDigit(c) ? Kind.Number
                : char.IsWhiteSpace(c) ? Kind.Space
                : Kind.Other;
        }
        // A lone surrogate reads as U+FFFD, one unit long.
        Rune.DecodeFromUtf16(text[index..], out Rune rune, out length);
        if (Rune.IsWhiteSpace(rune))
        {
            return Kind.Space;
        }
        return Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
                or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Kind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
            _ => Kind.Other,
        };
    }
}
