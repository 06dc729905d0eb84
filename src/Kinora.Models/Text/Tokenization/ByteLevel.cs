using System.Text;

namespace Kinora.Models.Text.Tokenization;

/// <summary>Text as the stand-ins of its UTF-8 bytes, and back.</summary>
internal static class ByteLevel
{
    public static string ToAlphabet(ReadOnlySpan<char> text)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetMaxByteCount(text.Length)];
        int n = Encoding.UTF8.GetBytes(text, bytes);
        return string.Create(n, bytes, static (span, source) =>
        {
            for (int i = 0; i < span.Length; i++)
            {
                span[i] = ByteAlphabet.ToChar(source[i]);
            }
        });
    }

    /// <summary>The text behind stand-ins; a character that stands for no byte is taken as it is. Bytes that form no character become U+FFFD.</summary>
    public static string FromAlphabet(string standIns)
    {
        var bytes = new List<byte>(standIns.Length);
        Span<byte> utf8 = stackalloc byte[4];
        foreach (Rune rune in standIns.EnumerateRunes())
        {
            if (rune.IsBmp && ByteAlphabet.TryToByte((char)rune.Value, out byte value))
            {
                bytes.Add(value);
            }
            else
            {
                bytes.AddRange(utf8[..rune.EncodeToUtf8(utf8)]);
            }
        }
        return Encoding.UTF8.GetString([.. bytes]);
    }
}
