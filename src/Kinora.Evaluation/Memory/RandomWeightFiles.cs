// Files of random weights in the formats that other programs write and Kinora only reads, for measurements.
// Sources: pytorch/pytorch v2.5, torch/serialization.py and torch/_utils.py (_rebuild_tensor_v2); ggml-org/ggml, docs/gguf.md.

using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using Kinora.Engine.Checkpoints;

namespace Kinora.Evaluation.Memory;

/// <summary>Writes square matrices of float32 as torch.save does, and of Q8_0 as GGUF.</summary>
internal static class RandomWeightFiles
{
    private const int GgufAlignment = 32, Q8Block = 32, Q8Bytes = 34;

    /// <summary>A dictionary of tensors as <c>torch.save</c> packs it: an archive with a pickle and one entry for each storage.</summary>
    public static void WritePickle(string path, IReadOnlyList<string> names, int width, Action<int, Span<float>> fill)
    {
        var pickle = new MemoryStream();
        void Text(string ascii) => pickle.Write(Encoding.ASCII.GetBytes(ascii));
        void Unicode(string text)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            pickle.WriteByte((byte)'X');
            Int32(bytes.Length, opcode: false);
            pickle.Write(bytes);
        }
        void Int32(int value, bool opcode = true)
        {
            if (opcode) { pickle.WriteByte((byte)'J'); }
            Span<byte> bytes = stackalloc byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
            pickle.Write(bytes);
        }
        pickle.Write([0x80, 2]);
        Text("}(");
        for (int i = 0; i < names.Count; i++)
        {
            Unicode(names[i]);
            Text("ctorch._utils\n_rebuild_tensor_v2\n((");
            Unicode("storage");
            Text("ctorch\nFloatStorage\n");
            Unicode(Key(i));
            Unicode("cpu");
            Int32(width * width);
            Text("tQ");
            Int32(0);
            Text("(");
            Int32(width);
            Int32(width);
            Text("t(");
            Int32(width);
            Int32(1);
            Text("t");
            pickle.WriteByte(0x89);                                                              // NEWFALSE: no gradient
            Text("ccollections\nOrderedDict\n)RtR");
        }
        Text("u.");

        using var archive = new ZipArchive(File.Create(path), ZipArchiveMode.Create);
        using (Stream entry = archive.CreateEntry("weights/data.pkl", CompressionLevel.NoCompression).Open())
        {
            entry.Write(pickle.ToArray());
        }
        var values = new float[(long)width * width];
        for (int i = 0; i < names.Count; i++)
        {
            fill(i, values);
            using Stream entry = archive.CreateEntry($"weights/data/{Key(i)}", CompressionLevel.NoCompression).Open();
            entry.Write(MemoryMarshal.AsBytes(values.AsSpan()));
        }
    }

    /// <summary>Q8_0: blocks of 32 signed bytes with a scale, so that values lie within a few hundredths.</summary>
    public static void WriteGguf(string path, IReadOnlyList<string> names, int width, Action<int, Span<byte>> fill)
    {
        const uint Q8 = 8, Version = 3;
        const float Scale = 2e-4f;
        long bytes = (long)width * width / Q8Block * Q8Bytes, stride = (bytes + GgufAlignment - 1) / GgufAlignment * GgufAlignment;
        using FileStream file = File.Create(path);
        using var writer = new BinaryWriter(file, Encoding.UTF8);
        writer.Write("GGUF"u8);
        writer.Write(Version);
        writer.Write((ulong)names.Count);
        writer.Write(0UL);
        for (int i = 0; i < names.Count; i++)
        {
            byte[] name = Encoding.UTF8.GetBytes(names[i]);
            writer.Write((ulong)name.Length);
            writer.Write(name);
            writer.Write(2u);
            writer.Write((ulong)width);
            writer.Write((ulong)width);
            writer.Write(Q8);
            writer.Write((ulong)(i * stride));
        }
        writer.Flush();
        file.Position = (file.Position + GgufAlignment - 1) / GgufAlignment * GgufAlignment;
        var blocks = new byte[stride];
        for (int i = 0; i < names.Count; i++)
        {
            fill(i, blocks.AsSpan(0, (int)bytes));
            for (long at = 0; at < bytes; at += Q8Bytes)
            {
                BinaryPrimitives.WriteHalfLittleEndian(blocks.AsSpan((int)at), (Half)Scale);
            }
            file.Write(blocks);
        }
    }

    private static string Key(int i) => i.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
