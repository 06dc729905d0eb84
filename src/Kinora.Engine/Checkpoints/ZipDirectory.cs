// The directory of a zip archive; entries that are stored as they are can be mapped.
// Source: PKWARE APPNOTE 6.3.10, sections 4.3 (records) and 4.5.3 (zip64).

using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Kinora.Engine.Checkpoints;

/// <summary>Finds the bytes of entries in a mapped zip archive.</summary>
internal static class ZipDirectory
{
    private const uint EndSignature = 0x06054B50, End64Signature = 0x06064B50, Locator64Signature = 0x07064B50, EntrySignature = 0x02014B50, LocalSignature = 0x04034B50;
    private const int EndBytes = 22, LocatorBytes = 20, End64Bytes = 56, EntryBytes = 46, LocalBytes = 30;
    private const int MaxComment = 1 << 16;
    private const int MaxNameBytes = 1024;

    /// <summary>The offset of an entry that is compressed or encrypted, and so cannot be mapped.</summary>
    public const long Unreadable = -1;

    /// <summary>Offset and length of every entry by name.</summary>
    /// <exception cref="CheckpointException">The archive is damaged.</exception>
    public static Dictionary<string, (long Offset, long Length)> Read(MappedFile file)
    {
        var (start, size, count) = FindDirectory(file);
        var entries = new Dictionary<string, (long, long)>(StringComparer.Ordinal);
        long at = start;
        long end = start + size;
        for (ulong i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> entry = Bytes(file, at, EntryBytes, end);
            if (BinaryPrimitives.ReadUInt32LittleEndian(entry) != EntrySignature)
            {
                throw Damaged(file, Invariant($"entry {i} of the directory has no signature"));
            }
            int flags = BinaryPrimitives.ReadUInt16LittleEndian(entry[8..]);
            int method = BinaryPrimitives.ReadUInt16LittleEndian(entry[10..]);
            ulong compressed = BinaryPrimitives.ReadUInt32LittleEndian(entry[20..]);
            ulong length = BinaryPrimitives.ReadUInt32LittleEndian(entry[24..]);
            int nameBytes = BinaryPrimitives.ReadUInt16LittleEndian(entry[28..]);
            int extraBytes = BinaryPrimitives.ReadUInt16LittleEndian(entry[30..]);
            int commentBytes = BinaryPrimitives.ReadUInt16LittleEndian(entry[32..]);
            ulong local = BinaryPrimitives.ReadUInt32LittleEndian(entry[42..]);
            if (nameBytes > MaxNameBytes)
            {
                throw Damaged(file, Invariant($"the name of entry {i} has {nameBytes} bytes; at most {MaxNameBytes} are allowed"));
            }
            string name = Encoding.UTF8.GetString(Bytes(file, at + EntryBytes, nameBytes, end));
            ReadZip64(Bytes(file, at + EntryBytes + nameBytes, extraBytes, end), ref length, ref compressed, ref local);
            bool readable = method == 0 && (flags & 1) == 0 && compressed == length;
            long offset = readable ? DataOffset(file, local, name) : Unreadable;
            if (readable && length > (ulong)(file.Length - offset))
            {
                throw Damaged(file, Invariant($"the entry '{name}' has {length} bytes at {offset}, beyond the end of the file"));
            }
            if (!entries.TryAdd(name, (offset, (long)length)))
            {
                throw Damaged(file, $"the entry '{name}' occurs twice");
            }
            at += EntryBytes + nameBytes + extraBytes + commentBytes;
        }
        return entries;
    }

    private static (long Start, long Size, ulong Count) FindDirectory(MappedFile file)
    {
        int tailBytes = (int)Math.Min(file.Length, EndBytes + MaxComment);
        ReadOnlySpan<byte> tail = file.Bytes(file.Length - tailBytes, tailBytes);
        for (int i = tailBytes - EndBytes; i >= 0; i--)
        {
            if (BinaryPrimitives.ReadUInt32LittleEndian(tail[i..]) != EndSignature)
            {
                continue;
            }
            ulong count = BinaryPrimitives.ReadUInt16LittleEndian(tail[(i + 10)..]);
            ulong size = BinaryPrimitives.ReadUInt32LittleEndian(tail[(i + 12)..]);
            ulong start = BinaryPrimitives.ReadUInt32LittleEndian(tail[(i + 16)..]);
            long end = file.Length - tailBytes + i;
            if (end >= LocatorBytes && BinaryPrimitives.ReadUInt32LittleEndian(file.Bytes(end - LocatorBytes, 4)) == Locator64Signature)
            {
                ulong where = BinaryPrimitives.ReadUInt64LittleEndian(file.Bytes(end - LocatorBytes + 8, 8));
                if (where > (ulong)(file.Length - Math.Min(file.Length, End64Bytes)) || BinaryPrimitives.ReadUInt32LittleEndian(file.Bytes((long)where, 4)) != End64Signature)
                {
                    throw Damaged(file, "the zip64 record is not where the locator says");
                }
                ReadOnlySpan<byte> record = file.Bytes((long)where, End64Bytes);
                count = BinaryPrimitives.ReadUInt64LittleEndian(record[32..]);
                size = BinaryPrimitives.ReadUInt64LittleEndian(record[40..]);
                start = BinaryPrimitives.ReadUInt64LittleEndian(record[48..]);
            }
            if (size > (ulong)file.Length || start > (ulong)file.Length - size || count > size / EntryBytes)
            {
                throw Damaged(file, Invariant($"the directory, {count} entries in {size} bytes at {start}, does not fit the file"));
            }
            return ((long)start, (long)size, count);
        }
        throw Damaged(file, "the archive has no directory; the file is truncated");
    }

    private static void ReadZip64(ReadOnlySpan<byte> extra, ref ulong length, ref ulong compressed, ref ulong local)
    {
        while (extra.Length >= 4)
        {
            int id = BinaryPrimitives.ReadUInt16LittleEndian(extra);
            int size = BinaryPrimitives.ReadUInt16LittleEndian(extra[2..]);
            if (size > extra.Length - 4)
            {
                return;
            }
            ReadOnlySpan<byte> body = extra.Slice(4, size);
            if (id == 1)
            {
                Widen(ref body, ref length);
                Widen(ref body, ref compressed);
                Widen(ref body, ref local);
                return;
            }
            extra = extra[(4 + size)..];
        }
    }

    private static void Widen(ref ReadOnlySpan<byte> body, ref ulong value)
    {
        if (value == uint.MaxValue && body.Length >= 8)
        {
            value = BinaryPrimitives.ReadUInt64LittleEndian(body);
            body = body[8..];
        }
    }

    private static long DataOffset(MappedFile file, ulong local, string name)
    {
        if (local > (ulong)file.Length || file.Length - (long)local < LocalBytes || BinaryPrimitives.ReadUInt32LittleEndian(file.Bytes((long)local, 4)) != LocalSignature)
        {
            throw Damaged(file, $"the entry '{name}' is not where the directory says");
        }
        ReadOnlySpan<byte> header = file.Bytes((long)local, LocalBytes);
        long offset = (long)local + LocalBytes + BinaryPrimitives.ReadUInt16LittleEndian(header[26..]) + BinaryPrimitives.ReadUInt16LittleEndian(header[28..]);
        return offset <= file.Length ? offset : throw Damaged(file, $"the entry '{name}' begins beyond the end of the file");
    }

    private static ReadOnlySpan<byte> Bytes(MappedFile file, long at, int count, long end) =>
        count <= end - at ? file.Bytes(at, count) : throw Damaged(file, "the directory ends inside an entry");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static CheckpointException Damaged(MappedFile file, string problem) => new($"{file.Path}: {problem}.");
}
