using System.Buffers.Binary;
using System.Text;
using Kinora.Engine.Checkpoints;

namespace Kinora.Engine.Tests.Checkpoints;

public sealed class SafetensorsHeaderTests
{
    private const string Valid = """{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"I64","shape":[],"data_offsets":[24,32]}}""";

    [Fact]
    public void Open_ValidFile_ListsTensorsAndMetadata()
    {
        using var folder = new TemporaryFolder();
        using SafetensorsFile file = SafetensorsFile.Open(Write(folder, Bytes(Valid, 32)));
        file.Tensors.Count.ShouldBe(2);
        file.Tensors["a"].ToString().ShouldBe("F32[2, 3]");
        file.Tensors["b"].NumElements.ShouldBe(1);
        file.Metadata["format"].ShouldBe("pt");
    }

    [Theory]
    [InlineData("not an object", "[]")]
    [InlineData("no JSON", "{\"a\":")]
    [InlineData("tensor is a number", """{"a":1}""")]
    [InlineData("unknown type", """{"a":{"dtype":"F128","shape":[2],"data_offsets":[0,32]}}""")]
    [InlineData("type is a number", """{"a":{"dtype":6,"shape":[8],"data_offsets":[0,32]}}""")]
    [InlineData("no type", """{"a":{"shape":[8],"data_offsets":[0,32]}}""")]
    [InlineData("no shape", """{"a":{"dtype":"F32","data_offsets":[0,32]}}""")]
    [InlineData("no offsets", """{"a":{"dtype":"F32","shape":[8]}}""")]
    [InlineData("one offset", """{"a":{"dtype":"F32","shape":[8],"data_offsets":[0]}}""")]
    [InlineData("three offsets", """{"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32,32]}}""")]
    [InlineData("unknown key", """{"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32],"x":1}}""")]
    [InlineData("repeated key", """{"a":{"dtype":"F32","dtype":"F32","shape":[8],"data_offsets":[0,32]}}""")]
    [InlineData("negative size", """{"a":{"dtype":"F32","shape":[-8],"data_offsets":[0,32]}}""")]
    [InlineData("fractional size", """{"a":{"dtype":"F32","shape":[8.0],"data_offsets":[0,32]}}""")]
    [InlineData("size beyond 64 bits", """{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,32]}}""")]
    [InlineData("product overflows", """{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,32]}}""")]
    [InlineData("product wraps to the right number", """{"a":{"dtype":"F32","shape":[4611686018427387906,4],"data_offsets":[0,32]}}""")]
    [InlineData("zero hides an overflow", """{"a":{"dtype":"F32","shape":[9223372036854775807,9223372036854775807,0],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[32],"data_offsets":[0,32]}}""")]
    [InlineData("too many dimensions", """{"a":{"dtype":"F32","shape":[8,1,1,1,1,1,1,1,1],"data_offsets":[0,32]}}""")]
    [InlineData("shape too small", """{"a":{"dtype":"F32","shape":[7],"data_offsets":[0,32]}}""")]
    [InlineData("end before begin", """{"a":{"dtype":"F32","shape":[8],"data_offsets":[32,0]}}""")]
    [InlineData("end behind the file", """{"a":{"dtype":"F32","shape":[16],"data_offsets":[0,64]}}""")]
    [InlineData("begin far away", """{"a":{"dtype":"F32","shape":[8],"data_offsets":[9223372036854775775,9223372036854775807]}}""")]
    [InlineData("hole at the start", """{"a":{"dtype":"F32","shape":[6],"data_offsets":[8,32]}}""")]
    [InlineData("hole in the middle", """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[4],"data_offsets":[16,32]}}""")]
    [InlineData("overlap", """{"a":{"dtype":"F32","shape":[5],"data_offsets":[0,20]},"b":{"dtype":"F32","shape":[4],"data_offsets":[16,32]}}""")]
    [InlineData("same bytes twice", """{"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]},"b":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}}""")]
    [InlineData("trailing bytes", """{"a":{"dtype":"F32","shape":[7],"data_offsets":[0,28]}}""")]
    [InlineData("no tensor for the bytes", """{"__metadata__":{}}""")]
    [InlineData("duplicate name", """{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"a":{"dtype":"F32","shape":[4],"data_offsets":[16,32]}}""")]
    [InlineData("metadata not an object", """{"__metadata__":3,"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}}""")]
    [InlineData("metadata value not a string", """{"__metadata__":{"k":3},"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}}""")]
    [InlineData("metadata key twice", """{"__metadata__":{"k":"1","k":"2"},"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}}""")]
    [InlineData("metadata twice", """{"__metadata__":{},"__metadata__":{},"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}}""")]
    [InlineData("nested too deep", """{"a":{"dtype":"F32","shape":[[8]],"data_offsets":[0,32]}}""")]
    [InlineData("something behind the object", """{"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}} x""")]
    [InlineData("half a surrogate pair", """{"\ud800":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}}""")]
    public void Open_LyingHeader_IsRefused(string lie, string json)
    {
        using var folder = new TemporaryFolder();
        string path = Write(folder, Bytes(json, 32));
        Should.Throw<CheckpointException>(() => SafetensorsFile.Open(path), lie).Message.ShouldContain("weights.safetensors");
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(1UL)]
    [InlineData(1000UL)]
    [InlineData(100_000_001UL)]
    [InlineData(0x7FFFFFFFFFFFFFFFUL)]
    [InlineData(0xFFFFFFFFFFFFFFFFUL)]
    public void Open_LyingHeaderLength_IsRefusedBeforeMemoryIsAllocated(ulong length)
    {
        using var folder = new TemporaryFolder();
        byte[] bytes = Bytes(Valid, 32);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        string path = Write(folder, bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Should.Throw<CheckpointException>(() => SafetensorsFile.Open(path));
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(1 << 20);
    }

    [Fact]
    public void Open_EveryTruncation_IsRefused()
    {
        using var folder = new TemporaryFolder();
        byte[] bytes = Bytes(Valid, 32);
        for (int length = 0; length < bytes.Length; length++)
        {
            string path = Write(folder, bytes[..length]);
            Should.Throw<CheckpointException>(() => SafetensorsFile.Open(path), $"{length} of {bytes.Length} bytes");
        }
    }

    [Fact]
    public void Open_MutatedHeaders_ThrowCheckpointExceptionOrAgreeWithTheFile()
    {
        // Whatever is accepted must still cover the elements exactly; everything else must be refused with the one exception, cheaply.
        using var folder = new TemporaryFolder();
        var random = new Kinora.Engine.Random.Generator(seed: 7);
        byte[] original = Bytes(Valid, 32);
        string[] fragments = ["9223372036854775807", "-1", "[", "]", "{", "}", "\"", "null", "1e400", "0", "\\u0000", "F64", "data_offsets", ",", ":", "4294967296", "true"];
        int refused = 0;
        const int Rounds = 800;
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < Rounds; round++)
        {
            var bytes = new List<byte>(original);
            for (int edits = 1 + random.NextInt(3); edits > 0; edits--)
            {
                int at = random.NextInt(Valid.Length + 8);
                switch (random.NextInt(4))
                {
                    case 0: bytes[at] = (byte)random.NextInt(256); break;
                    case 1: bytes.RemoveAt(at); break;
                    case 2: bytes.InsertRange(at, Encoding.UTF8.GetBytes(fragments[random.NextInt(fragments.Length)])); break;
                    default: bytes[at] ^= (byte)(1 << random.NextInt(8)); break;
                }
            }
            // Half of the rounds repair the length, so that the JSON itself is what lies.
            if (random.NextBool(0.5))
            {
                BinaryPrimitives.WriteUInt64LittleEndian(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes), (ulong)Math.Max(0, bytes.Count - 8 - 32));
            }
            string path = Write(folder, [.. bytes]);
            try
            {
                using SafetensorsFile file = SafetensorsFile.Open(path);
                long headerLength = (long)BinaryPrimitives.ReadUInt64LittleEndian([.. bytes[..8]]);
                file.Tensors.Values.Sum(t => t.NumBytes).ShouldBe(bytes.Count - 8 - headerLength);
            }
            catch (CheckpointException)
            {
                refused++;
            }
        }
        refused.ShouldBeGreaterThan(Rounds / 2);
        ((GC.GetAllocatedBytesForCurrentThread() - before) / Rounds).ShouldBeLessThan(1 << 18);
    }

    internal static byte[] Bytes(string json, int dataLength)
    {
        byte[] header = Encoding.UTF8.GetBytes(json);
        var bytes = new byte[8 + header.Length + dataLength];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)header.Length);
        header.CopyTo(bytes, 8);
        for (int i = 0; i < dataLength; i++)
        {
            bytes[8 + header.Length + i] = (byte)i;
        }
        return bytes;
    }

    private static string Write(TemporaryFolder folder, byte[] bytes)
    {
        string path = folder.File("weights.safetensors");
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
