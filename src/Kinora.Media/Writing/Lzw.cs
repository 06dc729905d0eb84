// GIF's variable-length-code LZW, least significant bit first. Source: GIF89a specification, appendix F.
namespace Kinora.Media;

internal static class Lzw
{
    private const int MaxCodes = 4096;
    private const int TableSize = 16384;

    /// <summary>Compresses indices below 2^<paramref name="bits"/>, 2 ≤ bits ≤ 8.</summary>
    public static byte[] Encode(ReadOnlySpan<byte> indices, int bits)
    {
        using var output = new BitSink(indices.Length);
        int clear = 1 << bits;
        int end = clear + 1;
        int next = end + 1;
        int width = bits + 1;

        // Open addressing over (prefix code << 8 | index) + 1; 0 is empty.
        int[] keys = new int[TableSize];
        short[] codes = new short[TableSize];

        output.Put(clear, width);
        int prefix = indices[0];
        for (int i = 1; i < indices.Length; i++)
        {
            int key = ((prefix << 8) | indices[i]) + 1;
            int slot = (int)(((uint)key * 2654435761u) >> 18);
            while (keys[slot] != 0 && keys[slot] != key)
            {
                slot = (slot + 1) & (TableSize - 1);
            }

            if (keys[slot] == key)
            {
                prefix = codes[slot];
                continue;
            }

            output.Put(prefix, width);
            prefix = indices[i];
            if (next < MaxCodes)
            {
                keys[slot] = key;
                codes[slot] = (short)next;
                if (next == 1 << width)
                {
                    width++;
                }

                next++;
            }
            else
            {
                output.Put(clear, width);
                Array.Clear(keys);
                next = end + 1;
                width = bits + 1;
            }
        }

        output.Put(prefix, width);

        // The decoder adds a code after the last prefix too, and may have widened.
        if (next == 1 << width && width < 12)
        {
            width++;
        }

        output.Put(end, width);
        return output.ToArray();
    }

    private sealed class BitSink(int capacity) : IDisposable
    {
        private readonly MemoryStream _bytes = new(capacity);
        private uint _pending;
        private int _count;

        public void Put(int code, int width)
        {
            _pending |= (uint)code << _count;
            _count += width;
            while (_count >= 8)
            {
                _bytes.WriteByte((byte)_pending);
                _pending >>= 8;
                _count -= 8;
            }
        }

        public void Dispose() => _bytes.Dispose();

        public byte[] ToArray()
        {
            if (_count > 0)
            {
                _bytes.WriteByte((byte)_pending);
                (_pending, _count) = (0, 0);
            }

            return _bytes.ToArray();
        }
    }
}
