// Texts in GIF comment extensions, one "name=text" each, UTF-8. Source: GIF89a specification, section 24.
using System.Buffers;
using System.Text;

namespace Kinora.Media;

internal static class GifComments
{
    private static readonly SearchValues<char> NameCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_.-");

    /// <summary>Writes one comment extension per text.</summary>
    public static void Write(Stream gif, IEnumerable<KeyValuePair<string, string>> texts)
    {
        foreach (var (name, text) in texts)
        {
            gif.WriteByte(0x21);
            gif.WriteByte(0xfe);
            WriteBlocks(gif, Encoding.UTF8.GetBytes($"{name}={text}"));
        }
    }

    /// <summary>Data in sub-blocks of at most 255 bytes, ended by an empty one.</summary>
    public static void WriteBlocks(Stream gif, ReadOnlySpan<byte> data)
    {
        while (data.Length > 0)
        {
            int n = Math.Min(255, data.Length);
            gif.WriteByte((byte)n);
            gif.Write(data[..n]);
            data = data[n..];
        }

        gif.WriteByte(0);
    }

    /// <summary>The texts of all comments; a comment of another tool is found under "comment". Stops quietly where the blocks break off.</summary>
    public static Dictionary<string, string> Read(Stream gif)
    {
        var texts = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        byte[] header = new byte[13];
        if (gif.ReadAtLeast(header, 13, throwOnEndOfStream: false) < 13)
        {
            return texts;
        }

        Skip(gif, ColorTableSize(header[10]));
        while (true)
        {
            int kind = gif.ReadByte();
            if (kind == 0x2c)
            {
                byte[] descriptor = new byte[9];
                if (gif.ReadAtLeast(descriptor, 9, throwOnEndOfStream: false) < 9)
                {
                    return texts;
                }

                Skip(gif, ColorTableSize(descriptor[8]) + 1);
                ReadBlocks(gif, null);
            }
            else if (kind == 0x21)
            {
                int label = gif.ReadByte();
                if (label != 0xfe)
                {
                    ReadBlocks(gif, null);
                    continue;
                }

                using var comment = new MemoryStream();
                ReadBlocks(gif, comment);
                string text = Encoding.UTF8.GetString(comment.ToArray());
                int split = text.IndexOf('=', StringComparison.Ordinal);
                bool ours = split is > 0 and < 80 && text.AsSpan(0, split).IndexOfAnyExcept(NameCharacters) < 0;
                texts[ours ? text[..split] : "comment"] = ours ? text[(split + 1)..] : text;
            }
            else
            {
                return texts;
            }
        }
    }

    private static int ColorTableSize(byte flags) => (flags & 0x80) != 0 ? 3 << ((flags & 7) + 1) : 0;

    private static void Skip(Stream gif, int count) => gif.Position = Math.Min(gif.Length, gif.Position + count);

    private static void ReadBlocks(Stream gif, MemoryStream? into)
    {
        byte[] block = new byte[255];
        int n;
        while ((n = gif.ReadByte()) > 0)
        {
            int got = gif.ReadAtLeast(block.AsSpan(0, n), n, throwOnEndOfStream: false);
            into?.Write(block, 0, got);
        }
    }
}
