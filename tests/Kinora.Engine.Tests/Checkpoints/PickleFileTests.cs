// Oracle: Python 3.11's own pickler wrote the fixtures in the layout of torch.save (PyTorch 2.5, torch/serialization.py): storage 0 holds
// 0, 0.25, … 5.75 as float32, storage 1 (−2 … 3)/8 as float16, storage 2 the integers 7, −8, 9, storage 3 1.5, −2, 3 as bfloat16.

using Kinora.Engine.Checkpoints;

namespace Kinora.Engine.Tests.Checkpoints;

public sealed class PickleFileTests
{
    private static string Fixture(string name) => Path.Combine(AppContext.BaseDirectory, "Fixtures", "weights", name);

    [Theory]
    [InlineData("state-dict.pt")]
    [InlineData("lightning.ckpt")]
    [InlineData("legacy.bin")]
    public void Open_FileOfTorchSave_GivesItsTensors(string name)
    {
        using var scope = TensorScope.Enter();
        using Checkpoint file = Checkpoint.Open(Fixture(name));

        file.Names.Order(StringComparer.Ordinal).ShouldBe(["a.part", "a.transposed", "a.weight", "b.half", "c.long", "c.scalar", "d.bf"]);
        file.Read("a.weight").Shape.ShouldBe([4, 6]);
        file.Read("a.weight").ToArray<float>().ShouldBe(Enumerable.Range(0, 24).Select(i => i / 4f));
        // Element (i, j) of the transposed view is element (j, i) of the storage.
        file.Read("a.transposed").ToArray<float>().ShouldBe(Enumerable.Range(0, 6).SelectMany(i => Enumerable.Range(0, 4).Select(j => (6 * j + i) / 4f)));
        file.Read("a.part").ToArray<float>().ShouldBe([1.5f, 1.75f, 2f, 3f, 3.25f, 3.5f]);
        file.Find("b.half")!.Type.ShouldBe(StorageType.Float16);
        file.Read("b.half", DType.Float32).ToArray<float>().ShouldBe([-0.25f, -0.125f, 0f, 0.125f, 0.25f, 0.375f]);
        file.Read("c.long").ToArray<long>().ShouldBe([7, -8, 9]);
        file.Read("c.scalar").Shape.ShouldBe([]);
        file.Read("c.scalar").ToArray<long>().ShouldBe([-8]);
        file.Read("d.bf", DType.Float32).ToArray<float>().ShouldBe([1.5f, -2f, 3f]);
    }

    [Fact]
    public void Open_PickleThatNamesAnotherFunction_IsRefusedAndNothingRuns()
    {
        CheckpointException refusal = Should.Throw<CheckpointException>(() => PickleFile.Open(Fixture("hostile.pt")));

        refusal.Message.ShouldContain("hostile.pt");
        refusal.Message.ShouldContain("system");
        refusal.Message.ShouldContain("nothing was run");
    }

    [Fact]
    public void Open_AnyTruncation_IsRefused()
    {
        using var folder = new TemporaryFolder();
        foreach (string name in (string[])["state-dict.pt", "legacy.bin"])
        {
            byte[] whole = File.ReadAllBytes(Fixture(name));
            for (int length = 0; length < whole.Length; length += 7)
            {
                File.WriteAllBytes(folder.File("cut.bin"), whole[..length]);
                Should.Throw<CheckpointException>(() => PickleFile.Open(folder.File("cut.bin")), $"{name} cut to {length} bytes");
            }
        }
    }

    [Fact]
    public void Open_EveryByteChanged_EitherOpensOrIsRefused()
    {
        using var folder = new TemporaryFolder();
        byte[] whole = File.ReadAllBytes(Fixture("state-dict.pt"));
        int opened = 0;
        for (int at = 0; at < whole.Length; at++)
        {
            byte[] bytes = [.. whole];
            bytes[at] ^= 0x55;
            File.WriteAllBytes(folder.File("changed.pt"), bytes);
            try
            {
                using var scope = TensorScope.Enter();
                using PickleFile file = PickleFile.Open(folder.File("changed.pt"));
                foreach (string name in file.Names)
                {
                    _ = file.Read(name);
                }
                opened++;
            }
            catch (CheckpointException)
            {
                // Refused with a message: what the test allows besides opening.
            }
        }
        opened.ShouldBeInRange(1, whole.Length - 1);
    }
}
