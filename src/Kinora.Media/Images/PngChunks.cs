// The chunk layer of PNG: inserting and reading texts. Source: PNG specification (third edition) 5.3, 11.3.3.
using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Kinora.Media;

internal static class PngChunks
{
    private const int MaxTextBytes = 64 << 20;

    private static readonly uint[] CrcTable = MakeCrcTable();

    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0d, 0x0a, 0x1a, 0x0a];

    /// <summary>The PNG with one uncompressed iTXt chunk per text right after IHDR.</summary>
    public static byte[] WithTexts(byte[] png, IEnumerable<KeyValuePair<string, string>> texts)
    {
        const int HeaderEnd = 8 + 12 + 13;
        Span<byte> number = stackalloc byte[4];
        using var result = new MemoryStream(png.Length + 1024);
        result.Write(png, 0, HeaderEnd);
        foreach (var (name, text) in texts)
        {
            byte[] value = Encoding.UTF8.GetBytes(text);
            byte[] chunk = new byte[4 + name.Length + 5 + value.Length];
            "iTXt"u8.CopyTo(chunk);
            Encoding.Latin1.GetBytes(name, chunk.AsSpan(4));

            // Keyword NUL, compression flag 0, method 0, empty language tag NUL, empty translated keyword NUL.
            value.CopyTo(chunk, 4 + name.Length + 5);
            BinaryPrimitives.WriteInt32BigEndian(number, chunk.Length - 4);
            result.Write(number);
            result.Write(chunk);
            BinaryPrimitives.WriteUInt32BigEndian(number, Crc(chunk));
            result.Write(number);
        }

        result.Write(png, HeaderEnd, png.Length - HeaderEnd);
        return result.ToArray();
    }

    /// <summary>Texts of iTXt, tEXt and zTXt chunks; stops quietly where the chunks break off, since decoding reports damage.</summary>
    public static Dictionary<string, string> ReadTexts(Stream png)
    {
        var texts = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        png.Position = 8;
        Span<byte> header = stackalloc byte[8];
        while (png.ReadAtLeast(header, 8, throwOnEndOfStream: false) == 8)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(header);
            ReadOnlySpan<byte> type = header[4..];
            if (type.SequenceEqual("IEND"u8) || length > png.Length - png.Position)
            {
                break;
            }

            bool isText = type.SequenceEqual("iTXt"u8) || type.SequenceEqual("tEXt"u8) || type.SequenceEqual("zTXt"u8);
            if (!isText || length > MaxTextBytes)
            {
                png.Position += length + 4L;
                continue;
            }

            byte[] body = new byte[length];
            png.ReadExactly(body);
            png.Position += 4;
            if (Parse((char)header[4], body) is { } pair)
            {
                texts[pair.Name.ToLowerInvariant()] = pair.Text;
            }
        }

        return texts;
    }

    private static (string Name, string Text)? Parse(char kind, byte[] body)
    {
        int end = Array.IndexOf(body, (byte)0);
        if (end < 1)
        {
            return null;
        }

        string name = Encoding.Latin1.GetString(body, 0, end);
        ReadOnlySpan<byte> rest = body.AsSpan(end + 1);
        switch (kind)
        {
            case 't':
                return (name, Encoding.Latin1.GetString(rest));
            case 'z':
                return rest.Length > 1 && Inflate(rest[1..]) is { } plain ? (name, Encoding.Latin1.GetString(plain)) : null;
            default:
                if (rest.Length < 4)
                {
                    return null;
                }

                bool compressed = rest[0] != 0;
                rest = rest[2..];
                for (int field = 0; field < 2; field++)
                {
                    int stop = rest.IndexOf((byte)0);
                    if (stop < 0)
                    {
                        return null;
                    }

                    rest = rest[(stop + 1)..];
                }

                if (!compressed)
                {
                    return (name, Encoding.UTF8.GetString(rest));
                }

                return Inflate(rest) is { } inflated ? (name, Encoding.UTF8.GetString(inflated)) : null;
        }
    }

    private static byte[]? Inflate(ReadOnlySpan<byte> zlib)
    {
        try
        {
            using var source = new ZLibStream(new MemoryStream(zlib.ToArray()), CompressionMode.Decompress);
            using var target = new MemoryStream();
            byte[] block = new byte[8192];
            int n;
            while ((n = source.Read(block)) > 0)
            {
                target.Write(block, 0, n);
                if (target.Length > MaxTextBytes)
                {
                    return null;
                }
            }

            return target.ToArray();
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    private static uint Crc(ReadOnlySpan<byte> data)
    {
        uint crc = 0xffffffff;
        foreach (byte b in data)
        {
            crc = CrcTable[(crc ^ b) & 0xff] ^ (crc >> 8);
        }

        return ~crc;
    }

    private static uint[] MakeCrcTable()
    {
        var table = new uint[256];
        for (uint n = 0; n < 256; n++)
        {
            uint c = n;
            for (int bit = 0; bit < 8; bit++)
            {
                c = (c & 1) != 0 ? 0xedb88320 ^ (c >> 1) : c >> 1;
            }

            table[n] = c;
        }

        return table;
    }
}
