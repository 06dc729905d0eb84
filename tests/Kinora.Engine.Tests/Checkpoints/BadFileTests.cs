// What a user has in the place of weights, and weights that are damaged: the refusal names the file, the tensor where there is one, and what
// to do.

using System.Buffers.Binary;
using System.Text;
using Kinora.Engine.Checkpoints;

namespace Kinora.Engine.Tests.Checkpoints;

public sealed class BadFileTests
{
    [Theory]
    [InlineData("overlap", """{"a":{"dtype":"F32","shape":[5],"data_offsets":[0,20]},"b":{"dtype":"F32","shape":[4],"data_offsets":[16,32]}}""", "overlaps")]
    [InlineData("gap", """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[4],"data_offsets":[16,32]}}""", "hole")]
    [InlineData("out of range", """{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[16],"data_offsets":[16,80]}}""", "truncated")]
    [InlineData("size of another shape", """{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[3],"data_offsets":[16,32]}}""", "needs 12 bytes")]
    [InlineData("name twice", """{"b":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[4],"data_offsets":[16,32]}}""", "occurs twice")]
    [InlineData("key twice", """{"b":{"dtype":"F32","dtype":"F32","shape":[8],"data_offsets":[0,32]}}""", "dtype occurs twice")]
    [InlineData("unknown key", """{"b":{"dtype":"F32","shape":[8],"data_offsets":[0,32],"stride":1}}""", "stride")]
    [InlineData("unknown type", """{"b":{"dtype":"F128","shape":[2],"data_offsets":[0,32]}}""", "F128")]
    public void Open_LyingSafetensors_NamesFileAndTensor(string lie, string json, string problem)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("weights.safetensors"), Safetensors(json, 32));

        string message = Should.Throw<CheckpointException>(() => Checkpoint.Open(folder.File("weights.safetensors")), lie).Message;

        message.ShouldContain("weights.safetensors");
        message.ShouldContain("`b`");
        message.ShouldContain(problem);
    }

    [Fact]
    public void Open_ShardsOfWhichOneIsMissingOrCut_NamesTheShardAndATensorOfIt()
    {
        using var folder = new TemporaryFolder();
        string first = folder.File("m-00001-of-00002.safetensors"), second = folder.File("m-00002-of-00002.safetensors");
        File.WriteAllBytes(first, Safetensors("""{"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}}""", 32));
        byte[] whole = Safetensors("""{"b":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}}""", 32);
        File.WriteAllText(folder.File("m.safetensors.index.json"), """{"weight_map":{"a":"m-00001-of-00002.safetensors","b":"m-00002-of-00002.safetensors"}}""");

        string missing = Should.Throw<CheckpointException>(() => Checkpoint.Open(folder.Path)).Message;
        File.WriteAllBytes(second, whole[..^8]);
        string cut = Should.Throw<CheckpointException>(() => Checkpoint.Open(folder.Path)).Message;
        File.WriteAllBytes(second, whole);

        missing.ShouldContain("m.safetensors.index.json");
        missing.ShouldContain("m-00002-of-00002.safetensors is not there");
        missing.ShouldContain("`b`");
        cut.ShouldContain("m-00002-of-00002.safetensors");
        cut.ShouldContain("`b`");
        cut.ShouldContain("truncated");
        Checkpoint.Open(folder.Path).Dispose();
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("\u0089PNG\r\n\u001a\n", "a PNG picture")]
    [InlineData("<!DOCTYPE html><html><body>Not found", "HTML")]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "git lfs pull")]
    [InlineData("{\"weights\": 1}", "JSON text")]
    [InlineData("a note about weights", "text")]
    [InlineData("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "broken off")]
    public void Open_SomethingElse_SaysWhatItIs(string content, string what)
    {
        using var folder = new TemporaryFolder();
        foreach (string name in (string[])["weights.safetensors", "weights.ckpt", "weights.gguf"])
        {
            File.WriteAllBytes(folder.File(name), Encoding.Latin1.GetBytes(content));

            string message = Should.Throw<CheckpointException>(() => Checkpoint.Open(folder.File(name))).Message;

            message.ShouldContain(name);
            message.ShouldContain(what);
        }
    }

    [Theory]
    [InlineData(0x82, "0x82")] // EXT1: an extension registered by number
    [InlineData(0x69, "0x69")] // INST: makes an instance of a named class
    [InlineData(0x97, "0x97")] // NEXT_BUFFER: memory from outside
    public void Open_PickleWithAnOpcodeThatWeightsDoNotNeed_NamesIt(byte opcode, string name)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("weights.ckpt"), [0x80, 0x02, opcode, 0x01, (byte)'.']);

        string message = Should.Throw<CheckpointException>(() => Checkpoint.Open(folder.File("weights.ckpt"))).Message;

        message.ShouldContain("weights.ckpt");
        message.ShouldContain(name);
    }

    private static byte[] Safetensors(string json, int elementBytes)
    {
        byte[] text = Encoding.UTF8.GetBytes(json), file = new byte[8 + text.Length + elementBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(file, (ulong)text.Length);
        text.CopyTo(file, 8);
        return file;
    }
}
