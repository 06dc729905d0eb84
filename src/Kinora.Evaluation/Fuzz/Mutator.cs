// Small damage of the kinds that files suffer and attackers choose.

using System.Buffers.Binary;

namespace Kinora.Evaluation.Fuzz;

/// <summary>Makes damaged copies of bytes; the same seed gives the same damage.</summary>
internal struct Mutator(ulong seed)
{
    private static readonly ulong[] Numbers = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1UL << 40, long.MaxValue, 1UL << 63, ulong.MaxValue];
    private static readonly string[] Texts = ["\"", "{", "}", "[", "]", "null", "true", "-1", "0", "1e999", "9223372036854775807", "18446744073709551616", "\\ud800", "\\u0000", "\"a\":", ",", "é", "(a+)+$"];

    private ulong _state = seed;

    /// <summary>A damaged copy: one to four changes.</summary>
    public byte[] Mutate(ReadOnlySpan<byte> source)
    {
        var bytes = new List<byte>(source.ToArray());
        int changes = 1 + Below(4);
        for (int i = 0; i < changes; i++)
        {
            Change(bytes);
        }
        return [.. bytes];
    }

    private void Change(List<byte> bytes)
    {
        if (bytes.Count == 0)
        {
            bytes.Add((byte)Next());
            return;
        }
        int at = Below(bytes.Count);
        switch (Below(9))
        {
            case 0:
                bytes[at] ^= (byte)(1 << Below(8));
                break;
            case 1:
                bytes[at] = (byte)Next();
                break;
            case 2:
                Overwrite(bytes, at, 4);
                break;
            case 3:
                Overwrite(bytes, at, 8);
                break;
            case 4:
                bytes.RemoveRange(at, Math.Min(bytes.Count - at, 1 + Below(16)));
                break;
            case 5:
                int length = Math.Min(bytes.Count - at, 1 + Below(64));
                bytes.InsertRange(Below(bytes.Count), bytes.GetRange(at, length));
                break;
            case 6:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            case 7:
                bytes.InsertRange(at, System.Text.Encoding.UTF8.GetBytes(Texts[Below(Texts.Length)]));
                break;
            default:
                // A stretch that is elsewhere, over this one.
                int from = Below(bytes.Count);
                int count = Math.Min(Math.Min(bytes.Count - at, bytes.Count - from), 1 + Below(32));
                byte[] stretch = [.. bytes.GetRange(from, count)];
                for (int i = 0; i < count; i++)
                {
                    bytes[at + i] = stretch[i];
                }
                break;
        }
    }

    private void Overwrite(List<byte> bytes, int at, int width)
    {
        Span<byte> number = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(number, Numbers[Below(Numbers.Length)]);
        for (int i = 0; i < width && at + i < bytes.Count; i++)
        {
            bytes[at + i] = number[i];
        }
    }

    private int Below(int n) => (int)(Next() % (ulong)n);

    // splitmix64 (Steele et al. 2014)
    private ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
