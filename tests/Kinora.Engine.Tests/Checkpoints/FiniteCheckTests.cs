using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;

namespace Kinora.Engine.Tests.Checkpoints;

public sealed class FiniteCheckTests : IDisposable
{
    private const int Width = 70; // more than one vector, and a rest

    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData(DType.Float32, double.NaN, WeightStorage.Auto)]
    [InlineData(DType.Float32, double.NegativeInfinity, WeightStorage.Auto)]
    [InlineData(DType.Float64, double.NaN, WeightStorage.Auto)]
    [InlineData(DType.Float16, double.PositiveInfinity, WeightStorage.Auto)]
    [InlineData(DType.BFloat16, double.NaN, WeightStorage.AsStored)]
    [InlineData(DType.Float16, double.NaN, WeightStorage.AsStored)]
    [InlineData(DType.Float32, double.NaN, WeightStorage.Int8)]
    [InlineData(DType.Float32, double.PositiveInfinity, WeightStorage.Float8)]
    [InlineData(DType.Float32, 1e6, WeightStorage.Float16)] // beyond what half precision holds
    public void Load_OneWildValue_IsRefusedByName(DType stored, double value, WeightStorage storage)
    {
        long live = Tensor.LiveCount;
        foreach (int at in new[] { 0, 37, Width * Width - 1 })
        {
            Write(stored, at, value);
            string message = Should.Throw<CheckpointException>(() => Load(storage)).Message;
            message.ShouldContain("`layer.weight` has NaN or infinite values");
            message.ShouldNotContain("layer.bias");
        }
        Tensor.LiveCount.ShouldBe(live);
    }

    [Theory]
    [InlineData(DType.Float32, 3e38)]
    [InlineData(DType.Float16, 65504)]
    [InlineData(DType.BFloat16, 3e38)]
    public void Load_TheLargestNumbers_AreFinite(DType stored, double value)
    {
        Write(stored, 5, value);
        Load(WeightStorage.Auto);
    }

    [Theory]
    [InlineData(0x7F, false)]
    [InlineData(0xFF, false)]
    [InlineData(0x7E, true)]
    [InlineData(0x78, true)] // all exponent bits: a number in this form
    public void IsFinite_EightBitFloats_KnowTheOneCodeForNaN(int code, bool finite)
    {
        using var scope = TensorScope.Enter();
        byte[] bytes = [.. Enumerable.Repeat((byte)0x38, Width)];
        bytes[Width - 2] = (byte)code;
        FiniteCheck.IsFinite(new StoredElements(StorageType.Float8E4M3, [Width], Tensor.FromArray(bytes, Width), IsMapped: false)).ShouldBe(finite);
    }

    [Fact]
    public void IsFinite_Blocks_LooksAtTheirScales()
    {
        using var scope = TensorScope.Enter();
        byte[] blocks = new byte[34 * 3];
        Array.Fill(blocks, (byte)0xFF, 2, 32);                                                   // codes may be anything
        StoredElements Of(byte[] data) => new(StorageType.Q8_0, [96], Tensor.FromArray(data, data.Length), IsMapped: false);
        FiniteCheck.IsFinite(Of(blocks)).ShouldBeTrue();
        blocks[34 * 2 + 1] = 0x7C;
        FiniteCheck.IsFinite(Of(blocks)).ShouldBeFalse();
    }

    public void Dispose() => _folder.Dispose();

    private sealed class OneLayer : Module
    {
        public OneLayer(ParameterPath path) : base(path) => Layer = new Linear(path["layer"], Width, Width);

        public Linear Layer { get; }
    }

    private void Load(WeightStorage storage)
    {
        using Checkpoint file = Checkpoint.Open(_folder.Path);
        OneLayer network = Checkpoint.Build(file, path => new OneLayer(path), storage: storage);
        network.Path.Store.Dispose();
    }

    private void Write(DType dtype, int at, double value)
    {
        using var scope = TensorScope.Enter();
        var values = new double[Width * Width];
        values[at] = value;
        SafetensorsWriter.Write(_folder.File("model.safetensors"),
            [KeyValuePair.Create("layer.weight", Tensor.FromArray(values, Width, Width).To(dtype)), KeyValuePair.Create("layer.bias", Tensor.Zeros([Width]))]);
    }
}
