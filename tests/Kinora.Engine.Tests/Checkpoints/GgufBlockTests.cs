// Oracle: for each element the place of its code, scale and minimum in the block, as the packing of ggml-org/ggml, src/ggml-quants.c
// (quantize_row_*_ref) puts them there; all bytes are random. The decoder goes through blocks in groups, the oracle element by element.

using System.Buffers.Binary;
using System.Text;
using Kinora.Engine.Checkpoints;

namespace Kinora.Engine.Tests.Checkpoints;

public sealed class GgufBlockTests
{
    private const int Rows = 2, Alignment = 32;

    private static readonly int[] Levels = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    private delegate double Element(byte[] block, int i);

    private static readonly Dictionary<string, (uint Code, int Bytes, int Elements, int[] Halves, Element Value)> Forms = new(StringComparer.Ordinal)
    {
        ["Q4_0"] = (2, 18, 32, [0], (x, i) => Half(x, 0) * (Nibble(x, 2, i) - 8)),
        ["Q5_0"] = (6, 22, 32, [0], (x, i) => Half(x, 0) * (Nibble(x, 6, i) + 16 * Bit(x, 2, i) - 16)),
        ["Q8_0"] = (8, 34, 32, [0], (x, i) => Half(x, 0) * (sbyte)x[2 + i]),
        ["Q4_K"] = (12, 144, 256, [0, 2], (x, i) => Half(x, 0) * ScaleOf(x, i / 32) * PairOfRows(x, 16, i) - Half(x, 2) * MinimumOf(x, i / 32)),
        ["Q5_K"] = (13, 176, 256, [0, 2], (x, i) => Half(x, 0) * ScaleOf(x, i / 32) * (PairOfRows(x, 48, i) + 16 * ((x[16 + i % 32] >> (i / 32)) % 2)) - Half(x, 2) * MinimumOf(x, i / 32)),
        ["Q6_K"] = (14, 210, 256, [208], (x, i) => Half(x, 208) * (sbyte)x[192 + i / 16] * ((x[i / 128 * 64 + i % 64] >> (i % 128 < 64 ? 0 : 4)) % 16 + 16 * ((x[128 + i / 128 * 32 + i % 32] >> (2 * (i % 128 / 32))) % 4) - 32)),
        ["Q4_1"] = (3, 20, 32, [0, 2], (x, i) => Half(x, 0) * Nibble(x, 4, i) + Half(x, 2)),
        ["Q5_1"] = (7, 24, 32, [0, 2], (x, i) => Half(x, 0) * (Nibble(x, 8, i) + 16 * Bit(x, 4, i)) + Half(x, 2)),
        ["Q2_K"] = (10, 84, 256, [80, 82], (x, i) => Half(x, 80) * (x[i / 16] % 16) * Pair(x, 16, i) - Half(x, 82) * (x[i / 16] / 16)),
        ["Q3_K"] = (11, 110, 256, [108], (x, i) => Half(x, 108) * (SixBits(x, i / 16) - 32) * (Pair(x, 32, i) - 4 * (1 - (x[i % 32] >> (i / 32)) % 2))),
        ["IQ4_NL"] = (20, 18, 32, [0], (x, i) => Half(x, 0) * Levels[Nibble(x, 2, i)]),
        ["IQ4_XS"] = (23, 136, 256, [0], (x, i) => Half(x, 0) * ((x[4 + i / 64] >> (4 * (i / 32 % 2))) % 16 + 16 * ((x[2 + i / 128] >> (2 * (i / 32 % 4))) % 4) - 32) * Levels[Nibble(x, 8 + i / 32 * 16, i % 32)]),
    };

    public static TheoryData<string> Names => [.. Forms.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Read_RandomBlocks_GivesEveryElement(string name)
    {
        var (code, size, elements, halves, value) = Forms[name];
        using var folder = new TemporaryFolder();
        var random = new System.Random(7);
        byte[][] blocks = [.. Enumerable.Range(0, 2 * Rows).Select(_ => Block(random, size, halves))];
        File.WriteAllBytes(folder.File("blocks.gguf"), OneTensor("weight", code, [2 * elements, Rows], [.. blocks.SelectMany(b => b)]));

        using var scope = TensorScope.Enter();
        using Checkpoint file = Checkpoint.Open(folder.File("blocks.gguf"));
        Tensor read = file.Read("weight", DType.Float32);

        read.Shape.ShouldBe([Rows, 2 * elements]);
        file.Find("weight")!.NumBytes.ShouldBe(2 * Rows * size);
        double[] expected = [.. blocks.SelectMany(b => Enumerable.Range(0, elements).Select(i => value(b, i)))];
        Compare(read.ToArray<float>(), expected);
        // The same as a layer that keeps the blocks decodes them.
        var source = new CheckpointParameters(file, storage: WeightStorage.AsStored);
        ParameterPath root = ParameterPath.Root(source);
        Weight kept = root.CreateWeight("weight", [Rows, 2 * elements], Init.Zeros);
        kept.NumBytes.ShouldBe(2 * Rows * size);
        Compare(kept.Use(DType.Float32).ToArray<float>(), expected);
        // Rounded to bfloat16: 8 bits of mantissa.
        float[] rounded = kept.Use(DType.BFloat16).To(DType.Float32).ToArray<float>();
        Enumerable.Range(0, rounded.Length).ShouldAllBe(i => Math.Abs(rounded[i] - expected[i]) <= Math.Abs(expected[i]) / 256 + 1e-6 * expected.Max(Math.Abs));
        root.Store.Dispose();
    }

    // The kernel and the plain loops, each by itself.
    [Theory]
    [MemberData(nameof(Names))]
    public void Decode_RandomBlocks_KernelAndLoopsGiveEveryElement(string name)
    {
        var (_, size, elements, halves, value) = Forms[name];
        StorageType type = Enum.Parse<StorageType>(name);
        var random = new System.Random(11);
        // More than one unit of the kernel's work.
        byte[][] blocks = [.. Enumerable.Range(0, 70_000 / elements).Select(_ => Block(random, size, halves))];
        double[] expected = [.. blocks.SelectMany(b => Enumerable.Range(0, elements).Select(i => value(b, i)))];
        using var scope = TensorScope.Enter();
        Tensor data = Tensor.FromArray([.. blocks.SelectMany(b => b)], blocks.Length * size);

        type.IsDecodedNatively().ShouldBeTrue();
        for (CpuLevel level = CpuLevel.Generic; level <= CpuKernels.Best; level++)
        {
            Compare(NativeLevels.At(level, () => StoredWeight.Decode(type, data, null, 1, DType.Float32).ToArray<float>()), expected);
        }
        Compare(StoredWeight.DecodeComposed(type, data, null, 1, DType.Float32).ToArray<float>(), expected);
    }

    private static void Compare(float[] got, double[] expected)
    {
        double largest = expected.Max(Math.Abs);
        Enumerable.Range(0, got.Length).Max(i => Math.Abs(got[i] - expected[i])).ShouldBeLessThan(3e-7 * largest);
    }

    // Random codes; scales that are ordinary numbers.
    private static byte[] Block(System.Random random, int size, int[] halves)
    {
        var block = new byte[size];
        random.NextBytes(block);
        foreach (int at in halves)
        {
            BinaryPrimitives.WriteHalfLittleEndian(block.AsSpan(at), (Half)(0.01 + random.NextDouble()));
        }
        return block;
    }

    private static double Half(byte[] x, int at) => (double)BinaryPrimitives.ReadHalfLittleEndian(x.AsSpan(at));

    // Of 32 elements the first half is in low nibbles.
    private static int Nibble(byte[] x, int at, int i) => i < 16 ? x[at + i] % 16 : x[at + i - 16] / 16;

    private static int Bit(byte[] x, int at, int i) => (x[at + i / 8] >> (i % 8)) % 2;

    // Of 128 elements, 32 bytes hold the first 32 in their lowest pairs.
    private static int Pair(byte[] x, int at, int i) => (x[at + i / 128 * 32 + i % 32] >> (2 * (i / 32 % 4))) % 4;

    // Of 64 elements, 32 bytes hold the first 32 in their low nibbles.
    private static int PairOfRows(byte[] x, int at, int i) => i % 64 < 32 ? x[at + i / 64 * 32 + i % 32] % 16 : x[at + i / 64 * 32 + i % 32] / 16;

    // Of eight scales and eight minima of 6 bits in 12 bytes: the first four of each in the lower 6 bits of 4 bytes; of the others, the lower 4
    // bits in the nibbles of the last 4 bytes and the upper 2 above the first eight.
    private static int ScaleOf(byte[] x, int j) => j < 4 ? x[4 + j] % 64 : x[4 + 4 + j] % 16 + 16 * (x[4 + j - 4] / 64);

    private static int MinimumOf(byte[] x, int j) => j < 4 ? x[4 + 4 + j] % 64 : x[4 + 4 + j] / 16 + 16 * (x[4 + j] / 64);

    // 16 scales behind 96 bytes: 4 bits each in 8 bytes, low nibbles first, and 2 bits each in 4 bytes.
    private static int SixBits(byte[] x, int j) => (j < 8 ? x[96 + j] % 16 : x[96 + j - 8] / 16) + 16 * ((x[104 + j % 4] >> (2 * (j / 4))) % 4);

    private static byte[] OneTensor(string name, uint code, long[] sizes, byte[] data)
    {
        using var file = new MemoryStream();
        using var writer = new BinaryWriter(file);
        writer.Write("GGUF"u8);
        writer.Write(3u);
        writer.Write(1UL);
        writer.Write(0UL);
        writer.Write((ulong)name.Length);
        writer.Write(Encoding.ASCII.GetBytes(name));
        writer.Write((uint)sizes.Length);
        foreach (long size in sizes)
        {
            writer.Write((ulong)size);
        }
        writer.Write(code);
        writer.Write(0UL);
        writer.Write(new byte[(Alignment - file.Length % Alignment) % Alignment]);
        writer.Write(data);
        return file.ToArray();
    }
}
