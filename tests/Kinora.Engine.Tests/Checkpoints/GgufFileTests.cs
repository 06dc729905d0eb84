// Oracle: blocks.gguf was packed by a script from chosen scales and codes as ggml's block layouts describe them (ggml-org/ggml,
// src/ggml-common.h); blocks.safetensors holds scale × code (− minimum) computed from the same scales and codes before packing.

using System.Buffers.Binary;
using Kinora.Engine.Checkpoints;

namespace Kinora.Engine.Tests.Checkpoints;

public sealed class GgufFileTests
{
    private static string Fixture(string name) => Path.Combine(AppContext.BaseDirectory, "Fixtures", "weights", name);

    [Theory]
    [InlineData("f32")]
    [InlineData("f16")]
    [InlineData("bf16")]
    [InlineData("q8_0")]
    [InlineData("q4_0")]
    [InlineData("q5_0")]
    [InlineData("q4_k")]
    [InlineData("q5_k")]
    [InlineData("q6_k")]
    public void Read_EveryType_GivesScaleTimesCode(string name)
    {
        using var scope = TensorScope.Enter();
        using Checkpoint file = Checkpoint.Open(Fixture("blocks.gguf"));
        using Checkpoint reference = Checkpoint.Open(Fixture("blocks.safetensors"));

        Tensor ours = file.Read(name, DType.Float32);

        ours.Shape.ShouldBe(reference.Read(name).Shape);
        float[] expected = reference.Read(name).ToArray<float>();
        float[] got = ours.ToArray<float>();
        double largest = expected.Max(Math.Abs);
        // One rounding of float32 per product.
        Enumerable.Range(0, got.Length).Max(i => Math.Abs(got[i] - expected[i])).ShouldBeLessThan((float)(3e-7 * largest));
    }

    [Fact]
    public void Open_Metadata_HasItsScalars()
    {
        using GgufFile file = GgufFile.Open(Fixture("blocks.gguf"));

        file.Metadata["general.architecture"].ShouldBe("wan");
        file.Metadata["general.alignment"].ShouldBe("64");
    }

    [Fact]
    public void Open_AnyTruncation_IsRefused()
    {
        using var folder = new TemporaryFolder();
        byte[] whole = File.ReadAllBytes(Fixture("blocks.gguf"));
        // Behind the last element there is only padding.
        for (int length = 0; length < whole.Length - 64; length += 11)
        {
            File.WriteAllBytes(folder.File("cut.gguf"), whole[..length]);
            Should.Throw<CheckpointException>(() => GgufFile.Open(folder.File("cut.gguf")), $"cut to {length} bytes");
        }
    }

    [Fact]
    public void Open_UnknownType_IsNamedWithARemedy()
    {
        using var folder = new TemporaryFolder();
        byte[] bytes = File.ReadAllBytes(Fixture("blocks.gguf"));
        int at = bytes.AsSpan().IndexOf("q8_0"u8) + 4 + 4 + 16;
        BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at)).ShouldBe(8u);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), 19);
        File.WriteAllBytes(folder.File("iq.gguf"), bytes);

        string message = Should.Throw<CheckpointException>(() => GgufFile.Open(folder.File("iq.gguf"))).Message;

        message.ShouldContain("`q8_0`");
        message.ShouldContain("19");
        message.ShouldContain("Q8_0");
    }

    [Fact]
    public void Open_HugeCounts_AreRefusedBeforeAnythingIsMade()
    {
        using var folder = new TemporaryFolder();
        foreach (int at in (int[])[8, 16])
        {
            byte[] bytes = File.ReadAllBytes(Fixture("blocks.gguf"));
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(at), 1UL << 60);
            File.WriteAllBytes(folder.File("huge.gguf"), bytes);
            long before = GC.GetTotalAllocatedBytes(precise: true);
            Should.Throw<CheckpointException>(() => GgufFile.Open(folder.File("huge.gguf")));
            (GC.GetTotalAllocatedBytes(precise: true) - before).ShouldBeLessThan(1 << 20);
        }
    }
}
