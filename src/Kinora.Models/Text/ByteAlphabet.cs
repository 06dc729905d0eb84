// The 256 printable stand-ins for bytes that byte-level BPE vocabularies are written in.
// Source: openai/gpt-2, encoder.py, bytes_to_unicode: printable Latin-1 stands for itself; the other 68 bytes, in order, become U+0100 onward.

namespace Kinora.Models.Text;

internal static class ByteAlphabet
{
    private static readonly char[] CharOfByte = Build();
    private static readonly short[] ByteOfChar = Invert(CharOfByte);

    /// <summary>The character that stands for a byte.</summary>
    public static char ToChar(byte value) => CharOfByte[value];

    /// <summary>The byte behind a character, or false when the character stands for none.</summary>
    public static bool TryToByte(char character, out byte value)
    {
        short found = character < ByteOfChar.Length ? ByteOfChar[character] : (short)-1;
        value = (byte)found;
        return found >= 0;
    }

    private static char[] Build()
    {
        var map = new char[256];
        int next = 256;
        for (int b = 0; b < 256; b++)
        {
            bool printable = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            map[b] = printable ? (char)b : (char)next++;
        }
        return map;
    }

    private static short[] Invert(char[] map)
    {
        var inverse = new short[map.Max() + 1];
        Array.Fill(inverse, (short)-1);
        for (int b = 0; b < map.Length; b++)
        {
            inverse[map[b]] = (short)b;
        }
        return inverse;
    }
}
