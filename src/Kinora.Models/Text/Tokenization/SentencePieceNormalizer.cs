// The normalizer of SentencePiece. Source: google/sentencepiece v0.1.97, src/normalizer.cc, Normalizer::Normalize.

using System.Text;

namespace Kinora.Models.Text.Tokenization;

/// <summary>Replaces characters by the model's map, collapses white space and makes it visible.</summary>
/// <param name="Map">The character map; null leaves characters as they are.</param>
/// <param name="AddDummyPrefix">Whether a mark is put in front of every text.</param>
/// <param name="RemoveExtraWhitespaces">Whether white space at the ends goes and runs become one.</param>
/// <param name="EscapeWhitespaces">Whether spaces become marks.</param>
internal sealed record SentencePieceNormalizer(CharsMap? Map, bool AddDummyPrefix, bool RemoveExtraWhitespaces, bool EscapeWhitespaces) : INormalizer
{
    /// <summary>The visible space, U+2581.</summary>
    public const char Mark = '▁';

    public string Normalize(string text)
    {
        // The map works on bytes, and so does the collapsing: a replacement may begin or end with spaces.
        ReadOnlySpan<byte> rest = Encoding.UTF8.GetBytes(text);
        ReadOnlySpan<byte> space = EscapeWhitespaces ? "▁"u8 : " "u8;
        var output = new List<byte>(rest.Length + 8);
        bool previousIsSpace = RemoveExtraWhitespaces;
        bool hasBegun = !RemoveExtraWhitespaces;
        while (!rest.IsEmpty)
        {
            int length = Next(rest, out ReadOnlySpan<byte> part);
            rest = rest[length..];
            if (!hasBegun)
            {
                if (part.SequenceEqual(" "u8))
                {
                    continue;
                }
                hasBegun = true;
                Begin(space, output);
            }
            else if (output.Count == 0 && !RemoveExtraWhitespaces)
            {
                Begin(space, output);
            }
            while (previousIsSpace && part.StartsWith(" "u8))
            {
                part = part[1..];
            }
            foreach (byte b in part)
            {
                if (b == ' ')
                {
                    output.AddRange(space);
                }
                else
                {
                    output.Add(b);
                }
            }
            if (!part.IsEmpty)
            {
                previousIsSpace = RemoveExtraWhitespaces && part[^1] == ' ';
            }
        }
        ReadOnlySpan<byte> result = output.ToArray();
        while (RemoveExtraWhitespaces && result.EndsWith(space))
        {
            result = result[..^space.Length];
        }
        return Encoding.UTF8.GetString(result);
    }

    private void Begin(ReadOnlySpan<byte> space, List<byte> output)
    {
        if (AddDummyPrefix)
        {
            output.AddRange(space);
        }
    }

    private int Next(ReadOnlySpan<byte> input, out ReadOnlySpan<byte> part)
    {
        if (Map is not null)
        {
            return Map.Next(input, out part);
        }
        Rune.DecodeFromUtf8(input, out _, out int length);
        part = input[..length];
        return length;
    }
}
