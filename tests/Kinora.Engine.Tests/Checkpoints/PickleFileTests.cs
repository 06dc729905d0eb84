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

    // Oracle: torch.jit.save of PyTorch 1.13 wrote the archive: a unit (conv3d without bias, batch norm, a list, a text and a number) called
    // "first", two in a Sequential called "branch_1", and a transposed buffer; sums of state_dict() in float64.
    [Fact]
    public void Open_TorchScriptArchive_GivesTheWeightsOfItsModules()
    {
        using var scope = TensorScope.Enter();
        using Checkpoint file = Checkpoint.Open(Fixture("torchscript.pt"));

        string[] unit = ["batch3d.bias", "batch3d.num_batches_tracked", "batch3d.running_mean", "batch3d.running_var", "batch3d.weight", "conv3d.weight"];
        file.Names.Order(StringComparer.Ordinal).ShouldBe([.. unit.Select(n => "branch_1.0." + n), .. unit.Select(n => "branch_1.1." + n), .. unit.Select(n => "first." + n), "grid"]);
        file.Find("first.conv3d.weight")!.Shape.ShouldBe([2, 3, 1, 1, 1]);
        double Sum(string name) => file.Read(name, DType.Float64).Sum().Item();
        Sum("first.conv3d.weight").ShouldBe(-0.6622348614037037, 1e-12);
        Sum("branch_1.0.conv3d.weight").ShouldBe(0.6710052872076631, 1e-12);
        Sum("branch_1.1.conv3d.weight").ShouldBe(-1.057994820177555, 1e-12);
        file.Read("grid").ToArray<float>().ShouldBe([0f, 3f, 1f, 4f, 2f, 5f]);
    }

    // Without the program's marks the same names are refused: only an archive with constants.pkl may have classes of its own.
    [Fact]
    public void Open_ClassesOfAProgramOutsideOfOne_AreRefused()
    {
        using var folder = new TemporaryFolder();
        byte[] whole = File.ReadAllBytes(Fixture("torchscript.pt"));
        byte[] name = "constants.pkl"u8.ToArray();
        for (int at = whole.AsSpan().IndexOf(name); at >= 0; at = whole.AsSpan().IndexOf(name))
            whole[at] = (byte)'k';
        File.WriteAllBytes(folder.File("renamed.pt"), whole);
        Should.Throw<CheckpointException>(() => PickleFile.Open(folder.File("renamed.pt"))).Message.ShouldContain("asks for __torch__.");
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
        foreach (string name in (string[])["state-dict.pt", "legacy.bin", "torchscript.pt"])
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
