// Oracle: plain modules in PyTorch 1.13 in the layouts of facebookresearch/dino and openai/CLIP, and those of the fixtures musiq_tiny, viclip_tiny and amt_s, every tensor
// filled from the stream of its name, torch's interpolate without antialiasing on float pixels as torchvision's Resize calls it.

using System.IO.Compression;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Clips;
using Kinora.Evaluation.Parity;
using Kinora.Evaluation.Scores;
using Kinora.Media;
using Kinora.Models.Systems.Amt;
using Kinora.Models.Systems.Dino;
using Kinora.Models.Systems.Musiq;
using Kinora.Models.Text;

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

    [Theory]
    [InlineData("A red balloon &amp; a dog", 0)]
    [InlineData("one two three four five six seven eight nine ten", 1)]
    public void Of_ViClip_AgreesWithPyTorchFromBytesAndWordsToTheCosine(string prompt, int expected)
    {
        using var scope = TensorScope.Enter();
        SafetensorsWriter.Write(File(VBenchScores.ViClip), ViClipTowers());
        WriteMerges();
        using VBenchScores scores = VBenchScores.Load(_folder, Device.Cpu);
        Clip clip = Noise(29, 11, 60, 40);
        scores.Of(clip).ShouldBeEmpty();
        scores.Of(clip, prompt).ShouldHaveSingleItem().ShouldSatisfyAllConditions(score => score.Key.ShouldBe("vbl.overall-consistency"), score => score.Value.ShouldBe(new[] { -0.0412144, 0.1731158 }[expected], 2e-6));
    }

    [Fact]
    public void Run_ViClipAndNoPrompts_SaysThatTheScoreNeedsThem()
    {
        using var scope = TensorScope.Enter();
        SafetensorsWriter.Write(File(VBenchScores.ViClip), ViClipTowers());
        WriteMerges();
        string clips = Directory.CreateDirectory(File("clips")).FullName;
        Noise(29, 4, 60, 40).Save(Path.Combine(clips, "a.mp4"));
        RefusedScore refused = ClipEvaluation.Run(new ClipEvaluationOptions { Clips = clips, VBench = _folder }, Device.Cpu).Report.Sheet.Refused.ShouldHaveSingleItem();
        refused.Metric.ShouldBe("vbl.overall-consistency");
        refused.Reason.ShouldContain("--prompts");
    }

    [Fact]
    public void Load_ViClipWithoutItsTokenizer_IsRefused()
    {
        using var scope = TensorScope.Enter();
        SafetensorsWriter.Write(File(VBenchScores.ViClip), ViClipTowers());
        Should.Throw<EvaluationException>(() => VBenchScores.Load(_folder, Device.Cpu)).Message.ShouldContain(VBenchScores.ClipMerges);
    }

    [Fact]
    public void Of_AmtOnFramesThatNeedABorder_AgreesWithPyTorchAndRefusesWhatVBenchDividesByZeroFor()
    {
        using var scope = TensorScope.Enter();
        using (Fixture fixture = Fixture.Open(Path.Combine(AppContext.BaseDirectory, "Fixtures", "Golden", "metrics_nets", "amt_s")))
            SafetensorsWriter.Write(File(VBenchScores.Amt), [.. fixture.Load(path => new AmtModel(path)).Parameters().Select(p => KeyValuePair.Create(p.Name, p.Value))]);
        using VBenchScores scores = VBenchScores.Load(_folder, Device.Cpu);
        scores.Of(Noise(31, 6, 140, 130)).ShouldHaveSingleItem().ShouldSatisfyAllConditions(score => score.Key.ShouldBe("vbl.motion-smoothness"), score => score.Value.ShouldBe(0.7251812, 2e-6));
        Should.Throw<EvaluationException>(() => scores.Of(Noise(31, 5, 140, 60))).Message.ShouldContain("at least 128");
        Should.Throw<EvaluationException>(() => scores.Of(Noise(31, 2, 140, 130))).Message.ShouldContain("at least 3 frames");
    }

    [Fact]
    public void LoadFile_PackedMergesOfClip_TellsTextsApartAsTheFolderDoes()
    {
        WriteMerges();
        TextTokenizer packed = TextTokenizer.LoadFile(File(VBenchScores.ClipMerges)), folder = TextTokenizer.Load(Tokenizer);
        foreach (string text in new[] { "A red balloon, 12 dogs' tails", "naïve café — 東京", "<|endoftext|> in a text" })
            packed.Encode(text).ShouldBe(folder.Encode(text));
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

    private static string Tokenizer => Path.Combine(AppContext.BaseDirectory, "Fixtures", "Golden", "tokenizers", "clip_bpe");

    private void WriteMerges()
    {
        using FileStream file = System.IO.File.Create(File(VBenchScores.ClipMerges));
        using var packed = new GZipStream(file, CompressionMode.Compress);
        packed.Write(System.IO.File.ReadAllBytes(Path.Combine(Tokenizer, "merges.txt")));
    }

    private static Clip Noise(uint seed, int frames, int width, int height)
    {
        int size = width * height * 3;
        byte[] rgb = [.. Lcg.Values(seed, frames * size).Select(v => (byte)(256 * v))];
        return new Clip([.. Enumerable.Range(0, frames).Select(f => new VideoFrame(width, height, rgb.AsSpan(f * size, size).ToArray()))], 8);
    }

    private string File(string name) => Path.Combine(_folder, name);

    private static IEnumerable<KeyValuePair<string, Tensor>> OpenAiTower()
    {
        List<(string Name, long[] Shape)> shapes =
        [
            ("class_embedding", [Width]), ("positional_embedding", [50, Width]), ("proj", [Width, Shared]), ("conv1.weight", [Width, 3, 32, 32]), .. Norm("ln_pre", Width), .. Norm("ln_post", Width), .. Block(0, Width), .. Block(1, Width),
        ];
        // The text encoder stands in the same file and is passed over.
        return [.. Filled("visual.", shapes), KeyValuePair.Create("token_embedding.weight", Tensor.Zeros([3, 4]))];
    }

    // Frames of 224 in patches of 56, the 1,214 words of the tokenizer of the fixtures.
    private static IEnumerable<KeyValuePair<string, Tensor>> ViClipTowers()
    {
        const int w = 64;
        List<(string Name, long[] Shape)> vision =
        [
            ("class_embedding", [w]), ("positional_embedding", [17, w]), ("temporal_positional_embedding", [1, 8, w]), ("proj", [w, 32]), ("conv1.weight", [w, 3, 1, 56, 56]), .. Norm("ln_pre", w), .. Norm("ln_post", w), .. Block(0, w),
        ];
        List<(string Name, long[] Shape)> text = [("token_embedding.weight", [1214, w]), ("positional_embedding", [12, w]), ("text_projection", [w, 32]), .. Norm("ln_final", w), .. Block(0, w)];
        return [.. Filled("vision_encoder.", vision), .. Filled("text_encoder.", text), KeyValuePair.Create("temp", Tensor.Zeros([]))];
    }

    private static IEnumerable<KeyValuePair<string, Tensor>> Filled(string prefix, IEnumerable<(string Name, long[] Shape)> shapes) => shapes.Select(s => KeyValuePair.Create(prefix + s.Name, Lcg.Parameter(prefix + s.Name, s.Shape)));

    private static (string, long[])[] Norm(string name, int width) => [(name + ".weight", [width]), (name + ".bias", [width])];

    private static IEnumerable<(string, long[])> Block(int i, int width)
    {
        string block = $"transformer.resblocks.{i}.";
        return
        [
            (block + "attn.in_proj_weight", [3 * width, width]), (block + "attn.in_proj_bias", [3 * width]), (block + "attn.out_proj.weight", [width, width]), (block + "attn.out_proj.bias", [width]),
            (block + "mlp.c_fc.weight", [4 * width, width]), (block + "mlp.c_fc.bias", [4 * width]), (block + "mlp.c_proj.weight", [width, 4 * width]), (block + "mlp.c_proj.bias", [width]), .. Norm(block + "ln_1", width), .. Norm(block + "ln_2", width),
        ];
    }
}
