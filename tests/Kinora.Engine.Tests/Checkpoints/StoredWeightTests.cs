using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;

namespace Kinora.Engine.Tests.Checkpoints;

/// <summary>Layers whose weights stay as a file stores them. The oracle is the layer whose weights were decoded when they were read.</summary>
public sealed class StoredWeightTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Fixture(string name) => Path.Combine(AppContext.BaseDirectory, "Fixtures", "weights", name);

    private sealed class OneWeight(ParameterPath path, string name, long[] shape) : Module(path)
    {
        public Weight Weight { get; } = path.CreateWeight(name, shape, Init.Zeros);
    }

    [Theory]
    [InlineData("f16", DType.Float32)]
    [InlineData("bf16", DType.Float32)]
    [InlineData("q8_0", DType.Float32)]
    [InlineData("q4_0", DType.Float32)]
    [InlineData("q5_0", DType.BFloat16)]
    [InlineData("q4_k", DType.Float32)]
    [InlineData("q5_k", DType.BFloat16)]
    [InlineData("q6_k", DType.Float32)]
    [InlineData("f32", DType.BFloat16)]
    public void Use_AsStored_EqualsDecodingAtLoad(string name, DType dtype)
    {
        using var scope = TensorScope.Enter();
        using Checkpoint file = Checkpoint.Open(Fixture("blocks.gguf"));
        StoredTensor stored = file.Find(name)!;
        var source = new CheckpointParameters(file, isOmitted: n => n != name, storage: WeightStorage.AsStored);
        ParameterPath root = ParameterPath.Root(source, dtype);
        var network = new OneWeight(root, name, [.. stored.Shape]);
        source.Report.ThrowUnlessEmpty();

        network.Weight.NumBytes.ShouldBe(stored.NumBytes);
        root.Store.Stored.Count.ShouldBe(1);
        Bits(network.Weight.Use(dtype)).ShouldBe(Bits(file.Read(name, dtype)));
        Bits(network.Weight.Rows(Tensor.FromArray<long>([1, 0], 2))).ShouldBe(Bits(file.Read(name, dtype).IndexSelect(0, Tensor.FromArray<long>([1, 0], 2))));
        root.Store.Dispose();
    }

    [Theory]
    [InlineData(WeightStorage.Float16, 2, 1e-3)]
    [InlineData(WeightStorage.BFloat16, 2, 8e-3)]
    [InlineData(WeightStorage.Float8, 1, 0.07)]
    [InlineData(WeightStorage.Int8, 1, 8e-3)]
    public void Load_InFewerBits_StaysNearAndTakesTheirBytes(WeightStorage storage, int bytes, double tolerance)
    {
        using var scope = TensorScope.Enter();
        const int Inputs = 96, Outputs = 40;
        SafetensorsWriter.Write(_folder.File("linear.safetensors"),
            [KeyValuePair.Create("layer.weight", Tensor.Randn([Outputs, Inputs])), KeyValuePair.Create("layer.bias", Tensor.Randn([Outputs]))]);
        Tensor x = Tensor.Randn([5, Inputs]);

        var kept = Load(storage);
        var whole = Load(WeightStorage.Auto);

        kept.Weight.NumBytes.ShouldBe(Inputs * Outputs * bytes + (bytes == 1 ? Outputs * sizeof(float) : 0));
        kept.Path.Store.NumBytes.ShouldBe(kept.Weight.NumBytes + Outputs * sizeof(float));
        float[] expected = whole.Forward(x).ToArray<float>(), got = kept.Forward(x).ToArray<float>();
        double norm = Math.Sqrt(expected.Sum(v => (double)v * v));
        Math.Sqrt(expected.Zip(got, (a, b) => (double)(a - b) * (a - b)).Sum()).ShouldBeInRange(1e-6 * norm, tolerance * norm);
        kept.Path.Store.Dispose();
        whole.Path.Store.Dispose();

        Linear Load(WeightStorage s) => Checkpoint.Load(_folder.File("linear.safetensors"), p => new Linear(p["layer"], Inputs, Outputs), storage: s);
    }

    [Fact]
    public void Int8_IsTheRoundedShareOfItsRowsLargest()
    {
        using var scope = TensorScope.Enter();
        SafetensorsWriter.Write(_folder.File("w.safetensors"), [KeyValuePair.Create("weight", Tensor.FromArray<float>([1.27f, -0.004f, 0.016f, 0, 0, 0, -2540, 20, 31], 3, 3))]);

        var layer = Checkpoint.Load(_folder.File("w.safetensors"), p => new Linear(p, 3, 3, bias: false), storage: WeightStorage.Int8);

        // scale = max|w| / 127 of each row: 0.01, none, 20
        float[] expected = [1.27f, 0, 0.02f, 0, 0, 0, -2540, 20, 40];
        float[] got = layer.Weight.Use(DType.Float32).ToArray<float>();
        Enumerable.Range(0, 9).ShouldAllBe(i => Math.Abs(got[i] - expected[i]) <= 1e-6f * Math.Abs(expected[i]));
        layer.Path.Store.Dispose();
    }

    /// <summary>The kernel of every instruction set against the plain definition, on random bytes: scales of blocks included, NaN and infinity excluded by exponent.</summary>
    [Theory]
    [MemberData(nameof(Forms))]
    public void Kernel_AtEveryLevel_DecodesWhatTheDefinitionDecodes(string form)
    {
        using var scope = TensorScope.Enter();
        StorageType type = Enum.Parse<StorageType>(form);
        const int Rows = 3, Columns = 768;
        var generator = new Kinora.Engine.Random.Generator(5);
        byte[] bytes = new byte[Rows * Columns / type.BlockElements() * type.Size()];
        for (int i = 0; i < bytes.Length; i++)
            bytes[i] = (byte)(generator.NextDouble() * 256);
        // Scales of blocks with a moderate exponent.
        for (int i = 0; i + 1 < bytes.Length && (type.IsQuantized() || type == StorageType.BFloat16); i += type.IsQuantized() ? type.Size() : 2)
            foreach (int at in type == StorageType.Q6_K ? [208] : type is StorageType.Q4_K or StorageType.Q5_K ? new[] { 0, 2 } : [0])
                bytes[i + at + 1] = (byte)(bytes[i + at + 1] & 0x80 | 0x30 | bytes[i + at + 1] & 0x0B);
        DType own = type switch { StorageType.Float16 => DType.Float16, StorageType.BFloat16 => DType.BFloat16, StorageType.Float32 => DType.Float32, StorageType.Int8 => DType.Int8, _ => DType.UInt8 };
        Tensor data = type == StorageType.Float32 ? Tensor.Randn([Rows * Columns]) : Typed(bytes, own);
        Tensor scales = Tensor.FromArray<float>([0.5f, -3, 1.7f], Rows);

        foreach (Tensor? factor in new[] { null, scales })
        {
            float[] expected = StoredWeight.DecodeComposed(type, data, factor, Rows, DType.Float32).ToArray<float>();
            for (CpuLevel level = CpuLevel.Generic; level <= CpuKernels.Best; level++)
            {
                float[] got = NativeLevels.At(level, () => StoredWeight.Decode(type, data, factor, Rows, DType.Float32).ToArray<float>());
                float[] rounded = NativeLevels.At(level, () => StoredWeight.Decode(type, data, factor, Rows, DType.BFloat16).To(DType.Float32).ToArray<float>());
                float[] nearest = Tensor.FromArray(got, got.Length).To(DType.BFloat16).To(DType.Float32).ToArray<float>();
                double largest = expected.Where(float.IsFinite).Max(Math.Abs);
                for (int i = 0; i < got.Length; i++)
                {
                    if (float.IsNaN(expected[i]))
                        got[i].ShouldBe(float.NaN);
                    else if (float.IsInfinity(expected[i]))
                        got[i].ShouldBe(expected[i]);
                    else
                        Math.Abs(got[i] - expected[i]).ShouldBeLessThanOrEqualTo((float)(3e-7 * largest), $"element {i}");
                    rounded[i].ShouldBe(nearest[i], $"element {i} in bf16");
                }
            }
        }

        static unsafe Tensor Typed(byte[] bytes, DType dtype)
        {
            Tensor t = Tensor.Empty([bytes.Length / dtype.ItemSize()], dtype);
            bytes.CopyTo(new Span<byte>(t.Info.Data, bytes.Length));
            return t;
        }
    }

    public static TheoryData<string> Forms() => ["Int8", "Float8E4M3", "Float8E5M2", "Float16", "BFloat16", "Float32", "Q4_0", "Q5_0", "Q8_0", "Q4_K", "Q5_K", "Q6_K"];

    [Fact]
    public void Float8_Encoding_IsTheNearestOfAllCodes()
    {
        using var scope = TensorScope.Enter();
        float[] values = [.. Enumerable.Range(0, 4001).Select(i => (i - 2000) * 0.0625f), .. Enumerable.Range(0, 1001).Select(i => (i - 500) * 5e-5f), 447, 460, 1e9f, -1e9f, 1e-9f];
        float[] decoded = [.. Float8.Encode(Tensor.FromArray(values, values.Length)).ToArray<byte>().Select(b => Float8.E4M3[b])];
        float[] codes = [.. Float8.E4M3.Where(float.IsFinite)];

        for (int i = 0; i < values.Length; i++)
        {
            float nearest = codes.Min(c => Math.Abs(c - values[i]));
            Math.Abs(decoded[i] - values[i]).ShouldBe(nearest, $"{values[i]}");
        }
    }

    [Fact]
    public void Streamed_Blocks_GiveWhatResidentOnesGive()
    {
        using var scope = TensorScope.Enter();
        const int Blocks = 5, Width = 512;
        SafetensorsWriter.Write(_folder.File("blocks.safetensors"),
            Enumerable.Range(0, Blocks).Select(i => KeyValuePair.Create($"blocks.{i}.weight", Tensor.Randn([Width, Width]))).Append(KeyValuePair.Create("out.weight", Tensor.Randn([Width, Width]))));
        Tensor x = Tensor.Randn([3, Width]);

        var streamed = Load(true);
        var resident = Load(false);

        streamed.Path.Store.Stored.Count.ShouldBe(Blocks + 1);
        for (int pass = 0; pass < 2; pass++)
            Bits(streamed.Forward(x)).ShouldBe(Bits(resident.Forward(x)));
        streamed.Path.Store.Dispose();
        resident.Path.Store.Dispose();

        Stack Load(bool isStreamed) => Checkpoint.Load(_folder.File("blocks.safetensors"), p => new Stack(p, Blocks, Width), streamed: isStreamed);
    }

    private sealed class Stack(ParameterPath path, int blocks, int width) : Module(path)
    {
        private readonly Linear[] _blocks = [.. Enumerable.Range(0, blocks).Select(i => new Linear(path["blocks"][i], width, width, bias: false)), new Linear(path["out"], width, width, bias: false)];

        public Tensor Forward(Tensor x) => _blocks.Aggregate(x, (h, block) => block.Forward(h) * 0.05);
    }

    private static byte[] Bits(Tensor t) => t.DType == DType.BFloat16 ? [.. t.To(DType.Float32).ToArray<float>().SelectMany(BitConverter.GetBytes)] : [.. t.ToArray<float>().SelectMany(BitConverter.GetBytes)];
}
