// Block quantization of GGUF: a scale, perhaps a minimum, and a few bits for each element.
// Source: ggml-org/ggml, src/ggml-quants.c (dequantize_row_*) and ggml-common.h (block layouts).

using System.Buffers.Binary;

namespace Kinora.Engine.Checkpoints;

/// <summary>Turns blocks into float32.</summary>
internal static unsafe class GgufBlocks
{
    private const int SmallBlock = 32, LargeBlock = 256;

    // The values of IQ4's codes: finer near zero, where weights are dense.
    private static ReadOnlySpan<sbyte> Levels => [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    /// <summary>Decodes elements, a multiple of the type's block, from <paramref name="from"/> to <paramref name="to"/>.</summary>
    public static void Decode(StorageType type, byte* from, float* to, long elements)
    {
        int size = type.Size();
        int block = type.BlockElements();
        long blocks = elements / block;
        nint source = (nint)from;
        nint target = (nint)to;
        // Blocks do not depend on each other; a chunk is about 64 KiB of float32.
        long chunk = Math.Max(1, 16384 / block);
        Parallel.For(0, (blocks + chunk - 1) / chunk, c =>
        {
            for (long b = c * chunk; b < Math.Min(blocks, (c + 1) * chunk); b++)
            {
                DecodeBlock(type, new ReadOnlySpan<byte>((byte*)source + b * size, size), new Span<float>((float*)target + b * block, block));
            }
        });
    }

    private static void DecodeBlock(StorageType type, ReadOnlySpan<byte> x, Span<float> y)
    {
        switch (type)
        {
            case StorageType.Q8_0: DecodeQ8(x, y); break;
            case StorageType.Q4_0: DecodeQ4(x, y); break;
            case StorageType.Q5_0: DecodeQ5(x, y); break;
            case StorageType.Q4_K: DecodeQ4K(x, y); break;
            case StorageType.Q5_K: DecodeQ5K(x, y); break;
            case StorageType.Q6_K: DecodeQ6K(x, y); break;
            case StorageType.Q4_1: DecodeQ4WithMinimum(x, y); break;
            case StorageType.Q5_1: DecodeQ5WithMinimum(x, y); break;
            case StorageType.Q2_K: DecodeQ2K(x, y); break;
            case StorageType.Q3_K: DecodeQ3K(x, y); break;
            case StorageType.IQ4_NL: DecodeTable(Half(x), x[2..], y); break;
            case StorageType.IQ4_XS: DecodeIQ4XS(x, y); break;
            default: throw new ArgumentOutOfRangeException(nameof(type), type, "not a quantized type");
        }
    }

    private static float Half(ReadOnlySpan<byte> x) => (float)BinaryPrimitives.ReadHalfLittleEndian(x);

    // d; 32 signed bytes.
    private static void DecodeQ8(ReadOnlySpan<byte> x, Span<float> y)
    {
        float d = Half(x);
        for (int i = 0; i < SmallBlock; i++)
        {
            y[i] = d * (sbyte)x[2 + i];
        }
    }

    // d; 16 bytes: low nibbles are the first half.
    private static void DecodeQ4(ReadOnlySpan<byte> x, Span<float> y)
    {
        float d = Half(x);
        for (int i = 0; i < SmallBlock / 2; i++)
        {
            y[i] = d * ((x[2 + i] & 0xF) - 8);
            y[i + SmallBlock / 2] = d * ((x[2 + i] >> 4) - 8);
        }
    }

    // d; fifth bits; 16 bytes of nibbles.
    private static void DecodeQ5(ReadOnlySpan<byte> x, Span<float> y)
    {
        float d = Half(x);
        uint high = BinaryPrimitives.ReadUInt32LittleEndian(x[2..]);
        for (int i = 0; i < SmallBlock / 2; i++)
        {
            int low = (x[6 + i] & 0xF) | (int)((high >> i) & 1) << 4;
            int up = (x[6 + i] >> 4) | (int)((high >> (i + 16)) & 1) << 4;
            y[i] = d * (low - 16);
            y[i + SmallBlock / 2] = d * (up - 16);
        }
    }

    // d, dmin; 12 bytes with 8 scales and 8 minima of 6 bits; 128 bytes of nibbles.
    private static void DecodeQ4K(ReadOnlySpan<byte> x, Span<float> y)
    {
        float d = Half(x);
        float min = Half(x[2..]);
        ReadOnlySpan<byte> scales = x.Slice(4, 12);
        ReadOnlySpan<byte> q = x[16..];
        for (int j = 0; j < LargeBlock / 64; j++)
        {
            var (scale1, min1) = Scale(scales, 2 * j);
            var (scale2, min2) = Scale(scales, 2 * j + 1);
            for (int i = 0; i < 32; i++)
            {
                y[64 * j + i] = d * scale1 * (q[32 * j + i] & 0xF) - min * min1;
                y[64 * j + 32 + i] = d * scale2 * (q[32 * j + i] >> 4) - min * min2;
            }
        }
    }

    // As Q4_K, with 32 bytes of fifth bits between scales and nibbles: bit 2j and 2j+1 of a byte for the j-th 64 elements.
    private static void DecodeQ5K(ReadOnlySpan<byte> x, Span<float> y)
    {
        float d = Half(x);
        float min = Half(x[2..]);
        ReadOnlySpan<byte> scales = x.Slice(4, 12);
        ReadOnlySpan<byte> high = x.Slice(16, 32);
        ReadOnlySpan<byte> q = x[48..];
        for (int j = 0; j < LargeBlock / 64; j++)
        {
            var (scale1, min1) = Scale(scales, 2 * j);
            var (scale2, min2) = Scale(scales, 2 * j + 1);
            for (int i = 0; i < 32; i++)
            {
                int low = (q[32 * j + i] & 0xF) | ((high[i] >> (2 * j)) & 1) << 4;
                int up = (q[32 * j + i] >> 4) | ((high[i] >> (2 * j + 1)) & 1) << 4;
                y[64 * j + i] = d * scale1 * low - min * min1;
                y[64 * j + 32 + i] = d * scale2 * up - min * min2;
            }
        }
    }

    // 128 bytes of low nibbles; 64 bytes of upper bit pairs; 16 signed scales; d.
    private static void DecodeQ6K(ReadOnlySpan<byte> x, Span<float> y)
    {
        float d = Half(x[208..]);
        for (int half = 0; half < 2; half++)
        {
            ReadOnlySpan<byte> low = x.Slice(64 * half, 64);
            ReadOnlySpan<byte> high = x.Slice(128 + 32 * half, 32);
            ReadOnlySpan<byte> scales = x.Slice(192 + 8 * half, 8);
            Span<float> part = y.Slice(128 * half, 128);
            for (int i = 0; i < 32; i++)
            {
                int s = i / 16;
                part[i] = d * (sbyte)scales[s] * (((low[i] & 0xF) | (high[i] & 3) << 4) - 32);
                part[i + 32] = d * (sbyte)scales[s + 2] * (((low[i + 32] & 0xF) | ((high[i] >> 2) & 3) << 4) - 32);
                part[i + 64] = d * (sbyte)scales[s + 4] * (((low[i] >> 4) | ((high[i] >> 4) & 3) << 4) - 32);
                part[i + 96] = d * (sbyte)scales[s + 6] * (((low[i + 32] >> 4) | ((high[i] >> 6) & 3) << 4) - 32);
            }
        }
    }

    // d, m; 16 bytes: low nibbles are the first half.
    private static void DecodeQ4WithMinimum(ReadOnlySpan<byte> x, Span<float> y)
    {
        float d = Half(x), m = Half(x[2..]);
        for (int i = 0; i < SmallBlock / 2; i++)
        {
            y[i] = d * (x[4 + i] & 0xF) + m;
            y[i + SmallBlock / 2] = d * (x[4 + i] >> 4) + m;
        }
    }

    // d, m; fifth bits; 16 bytes of nibbles.
    private static void DecodeQ5WithMinimum(ReadOnlySpan<byte> x, Span<float> y)
    {
        float d = Half(x), m = Half(x[2..]);
        uint high = BinaryPrimitives.ReadUInt32LittleEndian(x[4..]);
        for (int i = 0; i < SmallBlock / 2; i++)
        {
            y[i] = d * ((x[8 + i] & 0xF) | (int)((high >> i) & 1) << 4) + m;
            y[i + SmallBlock / 2] = d * ((x[8 + i] >> 4) | (int)((high >> (i + 16)) & 1) << 4) + m;
        }
    }

    // 16 bytes: a scale in the low nibble, a minimum in the high one, for 16 elements each; 64 bytes of bit pairs; d, dmin.
    private static void DecodeQ2K(ReadOnlySpan<byte> x, Span<float> y)
    {
        float d = Half(x[80..]), min = Half(x[82..]);
        for (int group = 0; group < LargeBlock / 16; group++)
        {
            var (half, pair, part) = (group / 8, group % 8 / 2, group % 2);
            ReadOnlySpan<byte> q = x.Slice(16 + 32 * half + 16 * part, 16);
            float scale = d * (x[group] & 0xF), low = min * (x[group] >> 4);
            for (int i = 0; i < 16; i++)
            {
                y[16 * group + i] = scale * ((q[i] >> (2 * pair)) & 3) - low;
            }
        }
    }

    // 32 bytes of third bits, bit j of a byte for the j-th 32 elements, set for codes that are not negative; 64 bytes of bit pairs; 12 bytes
    // with 16 scales of 6 bits; d.
    private static void DecodeQ3K(ReadOnlySpan<byte> x, Span<float> y)
    {
        float d = Half(x[108..]);
        ReadOnlySpan<byte> packed = x.Slice(96, 12);
        for (int group = 0; group < LargeBlock / 16; group++)
        {
            var (half, pair, part) = (group / 8, group % 8 / 2, group % 2);
            // Low nibbles of the first eight bytes, then their high nibbles; two more bits from the last four bytes.
            int low = group < 8 ? packed[group] & 0xF : packed[group - 8] >> 4, high = (packed[8 + group % 4] >> (2 * (group / 4))) & 3;
            float scale = d * ((low | high << 4) - 32);
            ReadOnlySpan<byte> q = x.Slice(32 + 32 * half + 16 * part, 16), third = x.Slice(16 * part, 16);
            for (int i = 0; i < 16; i++)
            {
                int code = (q[i] >> (2 * pair)) & 3;
                y[16 * group + i] = scale * (((third[i] >> (4 * half + pair)) & 1) != 0 ? code : code - 4);
            }
        }
    }

    // d; upper bit pairs of 8 scales; their low nibbles; 128 bytes of codes.
    private static void DecodeIQ4XS(ReadOnlySpan<byte> x, Span<float> y)
    {
        float d = Half(x);
        int high = BinaryPrimitives.ReadUInt16LittleEndian(x[2..]);
        for (int part = 0; part < LargeBlock / SmallBlock; part++)
        {
            int scale = ((x[4 + part / 2] >> (4 * (part % 2))) & 0xF) | ((high >> (2 * part)) & 3) << 4;
            DecodeTable(d * (scale - 32), x.Slice(8 + 16 * part, 16), y.Slice(SmallBlock * part, SmallBlock));
        }
    }

    // 16 bytes of codes: low nibbles are the first half.
    private static void DecodeTable(float d, ReadOnlySpan<byte> codes, Span<float> y)
    {
        for (int i = 0; i < SmallBlock / 2; i++)
        {
            y[i] = d * Levels[codes[i] & 0xF];
            y[i + SmallBlock / 2] = d * Levels[codes[i] >> 4];
        }
    }

    // Six bits each: the first four scales and minima plain, the others from nibbles and the upper bits of the first.
    private static (int Scale, int Min) Scale(ReadOnlySpan<byte> packed, int j) => j < 4
        ? (packed[j] & 63, packed[j + 4] & 63)
        : ((packed[j + 4] & 0xF) | (packed[j - 4] >> 6) << 4, (packed[j + 4] >> 4) | (packed[j] >> 6) << 4);
}
