// Python's json module writes NaN, Infinity and -Infinity bare, which JSON does not have; published configurations contain them.

namespace Kinora.Models;

/// <summary>Makes JSON of what Python writes.</summary>
public static class PythonJson
{
    private static readonly byte[][] Words = ["-Infinity"u8.ToArray(), "Infinity"u8.ToArray(), "NaN"u8.ToArray()];

    /// <summary>The text with every bare NaN, Infinity and -Infinity in quotes, as System.Text.Json's named literals expect; the same array when there is none.</summary>
    public static byte[] QuoteNonFinite(byte[] utf8)
    {
        ArgumentNullException.ThrowIfNull(utf8);
        if (utf8.AsSpan().IndexOf("NaN"u8) < 0 && utf8.AsSpan().IndexOf("Infinity"u8) < 0)
        {
            return utf8;
        }
        using var quoted = new MemoryStream(utf8.Length + 64);
        bool inString = false;
        for (int i = 0; i < utf8.Length; i++)
        {
            byte b = utf8[i];
            if (inString && b == (byte)'\\' && i + 1 < utf8.Length)
            {
                quoted.WriteByte(b);
                quoted.WriteByte(utf8[++i]);
                continue;
            }
            if (b == (byte)'"')
            {
                inString = !inString;
            }
            else if (!inString && Array.Find(Words, word => utf8.AsSpan(i).StartsWith(word)) is { } found)
            {
                quoted.WriteByte((byte)'"');
                quoted.Write(found);
                quoted.WriteByte((byte)'"');
                i += found.Length - 1;
                continue;
            }
            quoted.WriteByte(b);
        }
        return quoted.ToArray();
    }
}
