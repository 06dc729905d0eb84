using System.Text;
using Kinora.Engine.Checkpoints;

namespace Kinora.Engine.Tests.Checkpoints;

public sealed class SafetensorsRoundTripTests
{
    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    [InlineData(DType.Float16)]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Int64)]
    [InlineData(DType.Int32)]
    [InlineData(DType.Int16)]
    [InlineData(DType.Int8)]
    [InlineData(DType.UInt8)]
    [InlineData(DType.Bool)]
    public void Write_ThenRead_GivesTheSameElements(DType dtype)
    {
        long live = Tensor.LiveCount;
        using (var folder = new TemporaryFolder())
        using (var scope = TensorScope.Enter())
        {
            Tensor x = Tensor.Arange(0, 24, dtype: DType.Float32).Reshape(2, 3, 4).To(dtype);
            SafetensorsWriter.Write(folder.File("a.safetensors"), Named(("x", x)));
            using SafetensorsFile file = SafetensorsFile.Open(folder.File("a.safetensors"));
            Tensor y = file.Read("x");
            y.DType.ShouldBe(dtype);
            y.Shape.ShouldBe([2, 3, 4]);
            y.To(DType.Float64).ToArray<double>().ShouldBe(x.To(DType.Float64).ToArray<double>());
        }
        Tensor.LiveCount.ShouldBe(live);
    }

    [Fact]
    public void Write_SameTensorsInAnotherOrder_GivesTheSameBytes()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Enter();
        Tensor a = Tensor.Ones([3]);
        Tensor b = Tensor.Zeros([2, 2], DType.BFloat16);
        var metadata = new Dictionary<string, string> { ["z"] = "1", ["a"] = "🎈" };
        SafetensorsWriter.Write(folder.File("1"), Named(("a", a), ("b", b)), metadata);
        SafetensorsWriter.Write(folder.File("2"), Named(("b", b), ("a", a)), metadata);
        File.ReadAllBytes(folder.File("1")).ShouldBe(File.ReadAllBytes(folder.File("2")));
        Directory.GetFiles(folder.Path).Length.ShouldBe(2);
        using SafetensorsFile file = SafetensorsFile.Open(folder.File("1"));
        file.Metadata["a"].ShouldBe("🎈");
        (file.Tensors["a"].Offset % 64).ShouldBe(0);
    }

    [Fact]
    public void Write_FailureHalfway_LeavesTheOldFile()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("a.safetensors");
        File.WriteAllText(path, "old");
        Should.Throw<InvalidOperationException>(() => AtomicFile.Write(path, file =>
        {
            file.Write("new"u8);
            throw new InvalidOperationException("disk on fire");
        }));
        File.ReadAllText(path).ShouldBe("old");
        Directory.GetFiles(folder.Path).ShouldBe([path]);
    }

    [Fact]
    public void Write_NonContiguousTensorAndNarrowerFloats_StoresLogicalOrder()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Enter();
        Tensor x = Tensor.Arange(0, 6, dtype: DType.Float32).Reshape(2, 3).Transpose(0, 1);
        SafetensorsWriter.Write(folder.File("a"), Named(("x", x), ("n", Tensor.Scalar(7, DType.Int64))), floatsAs: DType.BFloat16);
        using SafetensorsFile file = SafetensorsFile.Open(folder.File("a"));
        file.Tensors["x"].ToString().ShouldBe("BF16[3, 2]");
        file.Tensors["n"].ToString().ShouldBe("I64[]");
        file.Read("x", DType.Float32).ToArray<float>().ShouldBe([0f, 3, 1, 4, 2, 5]);
        file.Read("n").Item().ShouldBe(7);
    }

    [Fact]
    public void Read_ViewOutlivesTheFile_AndWritesStayPrivate()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Enter();
        string path = folder.File("a.safetensors");
        SafetensorsWriter.Write(path, Named(("x", Tensor.Ones([4]))));
        byte[] before = File.ReadAllBytes(path);
        SafetensorsFile file = SafetensorsFile.Open(path);
        Tensor x = file.Read("x");
        file.Dispose();
        x.AddInPlace(Tensor.Ones([4]));
        x.ToArray<float>().ShouldBe([2f, 2, 2, 2]);
        File.ReadAllBytes(path).ShouldBe(before);
        Should.Throw<ObjectDisposedException>(() => file.Read("x"));
    }

    // Values from table 1 of arXiv:2209.05433: code → value.
    [Theory]
    [InlineData("F8_E4M3", 0x00, 0f)]
    [InlineData("F8_E4M3", 0x01, 0.001953125f)]
    [InlineData("F8_E4M3", 0x38, 1f)]
    [InlineData("F8_E4M3", 0x7E, 448f)]
    [InlineData("F8_E4M3", 0x7F, float.NaN)]
    [InlineData("F8_E4M3", 0xC0, -2f)]
    [InlineData("F8_E5M2", 0x01, 1.52587890625e-05f)]
    [InlineData("F8_E5M2", 0x3C, 1f)]
    [InlineData("F8_E5M2", 0x7B, 57344f)]
    [InlineData("F8_E5M2", 0xFC, float.NegativeInfinity)]
    [InlineData("F8_E5M2", 0x7D, float.NaN)]
    public void Read_Float8_WidensExactly(string type, byte code, float expected)
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Enter();
        byte[] bytes = SafetensorsHeaderTests.Bytes($$$"""{"x":{"dtype":"{{{type}}}","shape":[1],"data_offsets":[0,1]}}""", 1);
        bytes[^1] = code;
        File.WriteAllBytes(folder.File("a"), bytes);
        using SafetensorsFile file = SafetensorsFile.Open(folder.File("a"));
        Tensor x = file.Read("x");
        x.DType.ShouldBe(DType.Float32);
        x.ToArray<float>()[0].ShouldBe(expected);
    }

    [Fact]
    public void Read_UnalignedAndUnsignedTensors_AreCopiedAndWidened()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Enter();
        string json = """{"u8":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"f":{"dtype":"F32","shape":[1],"data_offsets":[1,5]},"u16":{"dtype":"U16","shape":[1],"data_offsets":[5,7]},"u32":{"dtype":"U32","shape":[1],"data_offsets":[7,11]},"u64":{"dtype":"U64","shape":[1],"data_offsets":[11,19]}}""";
        byte[] bytes = SafetensorsHeaderTests.Bytes(json, 19);
        Span<byte> data = bytes.AsSpan(bytes.Length - 19);
        BitConverter.TryWriteBytes(data[1..], 1.5f);
        BitConverter.TryWriteBytes(data[5..], (ushort)65535);
        BitConverter.TryWriteBytes(data[7..], uint.MaxValue);
        BitConverter.TryWriteBytes(data[11..], ulong.MaxValue);
        File.WriteAllBytes(folder.File("a"), bytes);
        using SafetensorsFile file = SafetensorsFile.Open(folder.File("a"));
        file.Read("f").ToArray<float>().ShouldBe([1.5f]);
        file.Read("u16").ToArray<int>().ShouldBe([65535]);
        file.Read("u32").ToArray<long>().ShouldBe([4294967295]);
        Should.Throw<CheckpointException>(() => file.Read("u64")).Message.ShouldContain("18446744073709551615");
    }

    internal static IEnumerable<KeyValuePair<string, Tensor>> Named(params (string Name, Tensor Value)[] tensors) =>
        tensors.Select(t => KeyValuePair.Create(t.Name, t.Value));

    [Fact]
    public void Open_MissingFile_NamesIt()
    {
        using var folder = new TemporaryFolder();
        Should.Throw<CheckpointException>(() => SafetensorsFile.Open(folder.File("absent.safetensors"))).Message.ShouldContain("absent.safetensors");
        File.WriteAllBytes(folder.File("text.safetensors"), Encoding.UTF8.GetBytes("version https://git-lfs.github.com/spec/v1\noid sha256:abc"));
        Should.Throw<CheckpointException>(() => SafetensorsFile.Open(folder.File("text.safetensors"))).Message.ShouldContain("header length");
    }
}
