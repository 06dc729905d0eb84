// The pre-tokenizers of tokenizer.json (huggingface/tokenizers v0.21, tokenizers/src/pre_tokenizers): pieces in, smaller pieces out.

using System.Globalization;
using System.Text;

namespace Kinora.Models.Text.Tokenization;

/// <summary>A part of the text; <c>IsFirst</c> says that it begins the whole text.</summary>
internal readonly record struct Piece(string Text, bool IsFirst);

/// <summary>A step that cuts a piece into the words inside which the model works.</summary>
internal interface IPreTokenizer
{
    void Split(Piece piece, List<Piece> into);
}

/// <summary>What becomes of the text that a pattern matches.</summary>
internal enum SplitBehavior
{
    Removed,
    Isolated,
    MergedWithPrevious,
    MergedWithNext,
    Contiguous,
}

/// <summary>Cuts where a predicate or a pattern says.</summary>
internal static class Splitting
{
    /// <summary>Cuts at the given stretches, which do not overlap and are in order.</summary>
    /// <param name="piece">The text to cut.</param>
    /// <param name="matches">Start and end of what matched.</param>
    /// <param name="behavior">What becomes of it.</param>
    /// <param name="invert">Whether the stretches are what to keep instead of what to cut at.</param>
    /// <param name="into">Receives the pieces; empty ones are left out.</param>
    public static void Cut(Piece piece, List<(int Start, int End)> matches, SplitBehavior behavior, bool invert, List<Piece> into)
    {
        var runs = new List<(int Start, int End, bool IsMatch)>(matches.Count * 2 + 1);
        int at = 0;
        foreach (var (start, end) in matches)
        {
            if (start > at)
            {
                runs.Add((at, start, invert));
            }
            runs.Add((start, end, !invert));
            at = end;
        }
        if (at < piece.Text.Length)
        {
            runs.Add((at, piece.Text.Length, invert));
        }
        var merged = new List<(int Start, int End)>(runs.Count);
        bool previousWasMatch = false;
        bool joinNext = false;
        foreach (var (start, end, isMatch) in runs)
        {
            bool join = behavior switch
            {
                SplitBehavior.MergedWithPrevious => isMatch && !previousWasMatch && merged.Count > 0,
                SplitBehavior.MergedWithNext => joinNext && !isMatch,
                SplitBehavior.Contiguous => merged.Count > 0 && isMatch == previousWasMatch,
                _ => false,
            };
            if (join)
            {
                merged[^1] = (merged[^1].Start, end);
            }
            else if (!isMatch || behavior != SplitBehavior.Removed)
            {
                merged.Add((start, end));
            }
            joinNext = isMatch;
            previousWasMatch = isMatch;
        }
        foreach (var (start, end) in merged)
        {
            into.Add(new Piece(piece.Text[start..end], piece.IsFirst && start == 0));
        }
    }

    /// <summary>Stretches of one scalar each for which a predicate holds.</summary>
    public static List<(int Start, int End)> Scalars(string text, Func<Rune, bool> predicate)
    {
        var found = new List<(int, int)>();
        for (int i = 0; i < text.Length;)
        {
            Rune.DecodeFromUtf16(text.AsSpan(i), out Rune rune, out int length);
            if (predicate(rune))
            {
                found.Add((i, i + length));
            }
            i += length;
        }
        return found;
    }
}

/// <summary>Cuts at a pattern.</summary>
internal sealed class SplitAtPattern(ScalarRegex pattern, SplitBehavior behavior, bool invert) : IPreTokenizer
{
    public void Split(Piece piece, List<Piece> into) => Splitting.Cut(piece, pattern.Matches(piece.Text), behavior, invert, into);
}

/// <summary>Cuts at a literal text.</summary>
internal sealed class SplitAtText(string pattern, SplitBehavior behavior, bool invert) : IPreTokenizer
{
    public void Split(Piece piece, List<Piece> into)
    {
        var matches = new List<(int, int)>();
        for (int at = piece.Text.IndexOf(pattern, StringComparison.Ordinal); at >= 0; at = piece.Text.IndexOf(pattern, at + pattern.Length, StringComparison.Ordinal))
        {
            matches.Add((at, at + pattern.Length));
        }
        Splitting.Cut(piece, matches, behavior, invert, into);
    }
}

/// <summary>Cuts at every scalar of a kind.</summary>
internal sealed class SplitAtScalars(Func<Rune, bool> isSeparator, SplitBehavior behavior) : IPreTokenizer
{
    public static SplitAtScalars WhiteSpace { get; } = new(Rune.IsWhiteSpace, SplitBehavior.Removed);

    public static SplitAtScalars Digits(bool individual) => new(Rune.IsNumber, individual ? SplitBehavior.Isolated : SplitBehavior.Contiguous);

    public static SplitAtScalars Punctuation(SplitBehavior behavior) => new(IsPunctuation, behavior);

    public void Split(Piece piece, List<Piece> into) => Splitting.Cut(piece, Splitting.Scalars(piece.Text, isSeparator), behavior, invert: false, into);

    // The symbols of ASCII count, though Unicode calls $ + < = > ^ ` | ~ symbols.
    private static bool IsPunctuation(Rune rune) =>
        rune.Value is (>= '!' and <= '/') or (>= ':' and <= '@') or (>= '[' and <= '`') or (>= '{' and <= '~')
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.ConnectorPunctuation or UnicodeCategory.DashPunctuation or UnicodeCategory.OpenPunctuation
            or UnicodeCategory.ClosePunctuation or UnicodeCategory.InitialQuotePunctuation or UnicodeCategory.FinalQuotePunctuation or UnicodeCategory.OtherPunctuation;
}

/// <summary>GPT-2's pre-tokenizer: words by its pattern when asked, then every byte as its printable stand-in.</summary>
internal sealed class ByteLevelPieces(bool addPrefixSpace, bool useRegex) : IPreTokenizer
{
    public void Split(Piece piece, List<Piece> into)
    {
        string text = addPrefixSpace && !piece.Text.StartsWith(' ') ? " " + piece.Text : piece.Text;
        if (!useRegex)
        {
            into.Add(new Piece(ByteLevel.ToAlphabet(text), piece.IsFirst));
            return;
        }
        for (int at = 0; at < text.Length;)
        {
            int length = ByteLevelPreTokenizer.NextPiece(text.AsSpan(at));
            into.Add(new Piece(ByteLevel.ToAlphabet(text.AsSpan(at, length)), piece.IsFirst && at == 0));
            at += length;
        }
    }
}

/// <summary>When a word-boundary mark is put in front of a piece.</summary>
internal enum PrependScheme
{
    Always,
    First,
    Never,
}

/// <summary>Spaces become a visible mark, which begins the words.</summary>
internal sealed class Metaspace(string mark, PrependScheme prepend, bool split) : IPreTokenizer
{
    private readonly SplitAtText _split = new(mark, SplitBehavior.MergedWithNext, invert: false);

    public void Split(Piece piece, List<Piece> into)
    {
        string text = piece.Text.Replace(" ", mark, StringComparison.Ordinal);
        bool begins = prepend == PrependScheme.Always || (prepend == PrependScheme.First && piece.IsFirst);
        if (begins && !text.StartsWith(mark, StringComparison.Ordinal))
        {
            text = mark + text;
        }
        Piece marked = piece with { Text = text };
        if (split)
        {
            _split.Split(marked, into);
        }
        else
        {
            into.Add(marked);
        }
    }
}

/// <summary>One pre-tokenizer after another.</summary>
internal sealed class PreTokenizerSequence(IPreTokenizer[] steps) : IPreTokenizer
{
    public void Split(Piece piece, List<Piece> into)
    {
        var pieces = new List<Piece> { piece };
        foreach (IPreTokenizer step in steps)
        {
            var next = new List<Piece>(pieces.Count);
            foreach (Piece part in pieces)
            {
                step.Split(part, next);
            }
            pieces = next;
        }
        into.AddRange(pieces);
    }
}
