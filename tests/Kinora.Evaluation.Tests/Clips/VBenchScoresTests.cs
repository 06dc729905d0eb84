// Oracle: plain modules in PyTorch 1.13 in the layouts of facebookresearch/dino and openai/CLIP, and those of the fixture musiq_tiny, every tensor
// filled from the stream of its name, torch's interpolate without antialiasing on float pixels as torchvision's Resize calls it.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Clips;
using Kinora.Media;
using Kinora.Models.Systems.Dino;
using Kinora.Models.Systems.Musiq;

namespace Kinora.Evaluation.Tests.Clips;

public sealed class VBenchScoresTests : IDisposable
{
    private const int Width = 128, Shared = 64;
    private readonly string _folder = Directory.CreateTempSubdirectory("kinora-vbench-").FullName;

    [Fact]
    public void Of_TinyNetworks_AgreesWithPyTorchFromBytesToScores()
    {
        using var scope = TensorScope.Enter();
        SafetensorsWriter.Write(File(VBenchScores.Dino), Lcg.Filled(new DinoModel(ParameterPath.Root(new ShapeOnlyParameters()), Width, 2, 32, 7)));
        foreach (string name in new[] { VBenchScores.ClipBase, VBenchScores.ClipLarge })
            SafetensorsWriter.Write(File(name), OpenAiTower());
        SafetensorsWriter.Write(File(VBenchScores.AestheticHead), [KeyValuePair.Create("weight", Lcg.Parameter("weight", 1, Shared)), KeyValuePair.Create("bias", Lcg.Parameter("bias", 1))]);
        using VBenchScores scores = VBenchScores.Load(_folder, Device.Cpu);
        var values = scores.Of(Noise(21, 4, 60, 40));
        // Random weights are not VBench's: the names say so.
        values.Keys.Order(StringComparer.Ordinal).ShouldBe(["vbl.aesthetic-quality", "vbl.background-consistency", "vbl.subject-consistency"]);
        values["vbl.subject-consistency"].ShouldBe(0.4985140271601627, 2e-5);
        values["vbl.background-consistency"].ShouldBe(0.7040467795793844, 2e-5);
        values["vbl.aesthetic-quality"].ShouldBe(0.024708089884370565, 2e-5);
        scores.Dimensions.ShouldAllBe(d => d.Preprocessing.Contains("without a published checksum"));
    }

    [Fact]
    public void Of_MusiqOnFramesLongerThan512_AgreesWithPyTorch()
    {
        using var scope = TensorScope.Enter();
        SafetensorsWriter.Write(File(VBenchScores.Musiq), Lcg.Filled(new MusiqModel(ParameterPath.Root(new ShapeOnlyParameters()), 64, 96, 1)));
        using VBenchScores scores = VBenchScores.Load(_folder, Device.Cpu);
        scores.Of(Noise(23, 2, 600, 40)).ShouldHaveSingleItem().ShouldSatisfyAllConditions(score => score.Key.ShouldBe("vbl.imaging-quality"), score => score.Value.ShouldBe(0.00923875, 1e-6));
    }

    [Fact]
    public void Load_MusiqThatGivesADistribution_IsRefusedWithWhatIsExpected()
    {
        using var scope = TensorScope.Enter();
        SafetensorsWriter.Write(File(VBenchScores.Musiq), [KeyValuePair.Create("embedding.weight", Tensor.Zeros([64, 1])), KeyValuePair.Create("transformer_encoder.transformer.encoderblock_0.mlp.fc1.weight", Tensor.Zeros([96, 64])), KeyValuePair.Create("head.0.weight", Tensor.Zeros([10, 64]))]);
        Should.Throw<CheckpointException>(() => VBenchScores.Load(_folder, Device.Cpu)).Message.ShouldContain("10 outputs");
    }

    [Fact]
    public void IsPublished_ChecksumsOfThePublishedFiles_AreKnown()
    {
        VBenchScores.IsPublished("40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af").ShouldBeTrue();
        VBenchScores.IsPublished(new string('0', 64)).ShouldBeFalse();
    }

    [Fact]
    public void Load_EmptyFolderOrOtherWeights_IsRefused()
    {
        Should.Throw<EvaluationException>(() => VBenchScores.Load(_folder, Device.Cpu)).Message.ShouldContain("none of VBench's weights");
        using var scope = TensorScope.Enter();
        SafetensorsWriter.Write(File(VBenchScores.ClipBase), [KeyValuePair.Create("some.weight", Tensor.Zeros([2]))]);
        Should.Throw<CheckpointException>(() => VBenchScores.Load(_folder, Device.Cpu)).Message.ShouldContain("visual.conv1.weight");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static Clip Noise(uint seed, int frames, int width, int height)
    {
        int size = width * height * 3;
        byte[] rgb = [.. Lcg.Values(seed, frames * size).Select(v => (byte)(256 * v))];
        return new Clip([.. Enumerable.Range(0, frames).Select(f => new VideoFrame(width, height, rgb.AsSpan(f * size, size).ToArray()))], 8);
    }

    private string File(string name) => Path.Combine(_folder, name);

    private static IEnumerable<KeyValuePair<string, Tensor>> OpenAiTower()
    {
        var shapes = new List<(string Name, long[] Shape)>
        {
            ("class_embedding", [Width]), ("positional_embedding", [50, Width]), ("proj", [Width, Shared]), ("conv1.weight", [Width, 3, 32, 32]), ("ln_pre.weight", [Width]), ("ln_pre.bias", [Width]), ("ln_post.weight", [Width]), ("ln_post.bias", [Width]),
        };
        for (int i = 0; i < 2; i++)
        {
            string block = $"transformer.resblocks.{i}.";
            shapes.AddRange([(block + "attn.in_proj_weight", [3 * Width, Width]), (block + "attn.in_proj_bias", [3 * Width]), (block + "attn.out_proj.weight", [Width, Width]), (block + "attn.out_proj.bias", [Width])]);
            shapes.AddRange([(block + "mlp.c_fc.weight", [4 * Width, Width]), (block + "mlp.c_fc.bias", [4 * Width]), (block + "mlp.c_proj.weight", [Width, 4 * Width]), (block + "mlp.c_proj.bias", [Width])]);
            foreach (string norm in new[] { "ln_1", "ln_2" })
                shapes.AddRange([(block + norm + ".weight", [Width]), (block + norm + ".bias", [Width])]);
        }
        // The text encoder stands in the same file and is passed over.
        return [.. shapes.Select(s => KeyValuePair.Create("visual." + s.Name, Lcg.Parameter("visual." + s.Name, s.Shape))), KeyValuePair.Create("token_embedding.weight", Tensor.Zeros([3, 4]))];
    }
}
