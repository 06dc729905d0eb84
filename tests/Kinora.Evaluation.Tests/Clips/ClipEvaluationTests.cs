// A folder of clips from end to end: lossless GIF-sized clips of the world, so that the probe knows them.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Clips;
using Kinora.Evaluation.Comparison;
using Kinora.Evaluation.Distributions;
using Kinora.Evaluation.Scores;
using Kinora.Media;
using Kinora.Models.Generation;
using Kinora.Models.Systems.Clip;
using Kinora.World;

namespace Kinora.Evaluation.Tests.Clips;

public sealed class ClipEvaluationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kinora-clips-").FullName;

    [Fact]
    public void OverTime_KnownFrames_GivesTheDefinitions()
    {
        Clip clip = Gray(10, 14, 12);
        var scores = FrameScores.OverTime(clip);
        scores[FrameScores.PixelMse].ShouldBe((16 + 4) / 2.0);
        scores[FrameScores.Flicker].ShouldBe((255 - 3.0) / 255, 1e-12);
        scores[FrameScores.Smoothness].ShouldBe((255 - 3.0) / 255, 1e-12);
        Should.Throw<EvaluationException>(() => FrameScores.OverTime(Gray(10))).Message.ShouldStartWith("1 frame:");
    }

    [Fact]
    public void Run_WorldClips_ScoresAttributesAndLeavesOutWhatDoesNotFit()
    {
        string clips = WorldClips("a", 12);
        Gray(1, 2, 3).Save(Path.Combine(clips, "z-other-size.mp4"));
        File.WriteAllText(Path.Combine(clips, "zz-broken.mp4"), "this is no clip");
        File.AppendAllLines(Path.Combine(_folder, "a.txt"), ["z-other-size.mp4\tsomething", "zz-broken.mp4\tsomething"]);
        ClipEvaluationResult result = ClipEvaluation.Run(new ClipEvaluationOptions { Clips = clips, Prompts = Path.Combine(_folder, "a.txt"), Probes = ShippedProbe.Folder, Distributions = new DistributionOptions { Resamples = 0 } }, Device.Cpu);
        EvaluationReport report = result.Report;
        report.Clips.Count.ShouldBe(12);
        report.Skipped.Select(s => s.Name).ShouldBe(["z-other-size.mp4", "zz-broken.mp4"]);
        report.Sheet["world.noun"].Value.ShouldBeGreaterThan(0.9);
        report.Sheet["world.all"].Interval.ShouldBe("wilson");
        report.Sheet.Refused.First(r => r.Metric == "world.frechet").Reason.ShouldContain("probe outputs of generated clips: 12, probe outputs of real clips: ");
        report.Sheet[FrameScores.PixelMse].Low.ShouldNotBeNull();

        string folder = Path.Combine(_folder, "report");
        EvaluationFolder.Write(folder, result);
        EvaluationFolder.Write(folder, result);
        ScoreLog.Read(Path.Combine(folder, EvaluationFolder.ScoresFile)).Count.ShouldBe(2 * report.Sheet.Scores.Count);
        EvaluationReport read = EvaluationReport.Read(Path.Combine(folder, EvaluationFolder.ReportFile));
        read.Clips.Count.ShouldBe(12);
        File.ReadAllText(Path.Combine(folder, EvaluationFolder.PageFile)).ShouldContain("world.noun");

        ReportComparison same = ReportComparison.Of(read, report, null, null, 200, 1);
        same.Differences.First(d => d.Metric == FrameScores.PixelMse).P.ShouldBe(1);
        same.Mismatched.ShouldBeEmpty();
        EvaluationReport other = read with { Sheet = read.Sheet with { Scores = [.. read.Sheet.Scores.Select(s => s with { Passport = s.Passport with { Protocol = "other/1" } })] } };
        Should.Throw<ProtocolException>(() => ReportComparison.Of(read, other, null, null, 200, 1)).Message.ShouldContain("protocol: pixel-mse/1 and other/1");
    }

    [Fact]
    public void Run_ClipModelWithoutPrompts_SaysWhyThereIsNoClipsim()
    {
        const int Vocabulary = 120, Most = 77;
        string clips = Directory.CreateDirectory(Path.Combine(_folder, "bare")).FullName, clip = Directory.CreateDirectory(Path.Combine(_folder, "clip")).FullName, config = Path.Combine(clip, "config.json");
        Gray(1, 2, 3).Save(Path.Combine(clips, "a.mp4"));
        new RandomModelFolder(clip).AddClipTokenizer(".", 'a', 'z', Vocabulary, Most);
        File.WriteAllText(config, $$"""{"model_type":"clip","projection_dim":8,"text_config":{"vocab_size":{{Vocabulary}},"hidden_size":16,"intermediate_size":32,"num_hidden_layers":1,"num_attention_heads":2,"max_position_embeddings":{{Most}},"eos_token_id":{{Vocabulary - 1}}},"vision_config":{"hidden_size":16,"intermediate_size":32,"num_hidden_layers":1,"num_attention_heads":2,"image_size":16,"patch_size":8} }""");
        File.WriteAllText(Path.Combine(clip, "preprocessor_config.json"), """{"size":16,"crop_size":16}""");
        var root = ParameterPath.Root(new InitializedParameters(3));
        using (root.Store) { SafetensorsWriter.Write(Path.Combine(clip, "model.safetensors"), new ClipModel(root, ClipConfig.Read(File.ReadAllBytes(config), config)).Parameters().Select(p => KeyValuePair.Create(p.Name, p.Value))); }

        ScoreSheet sheet = ClipEvaluation.Run(new ClipEvaluationOptions { Clips = clips, Clip = clip }, Device.Cpu).Report.Sheet;

        sheet[ClipScores.Coherency].Value.ShouldBeInRange(-1.001, 1.001);
        sheet.Refused.ShouldHaveSingleItem().ShouldBe(new RefusedScore(ClipScores.Similarity, "needs prompts, and no clip has one: give them with --prompts"));
    }

    [Fact]
    public void WithPrompts_WrongFiles_NameTheLine()
    {
        ClipFile[] clips = [new("/x/a.mp4", "a.mp4", null), new("/x/b.mp4", "b.mp4", null)];
        string path = Path.Combine(_folder, "p.txt");
        File.WriteAllText(path, "one\n");
        Should.Throw<EvaluationException>(() => ClipFiles.WithPrompts(clips, path)).Message.ShouldContain("1 prompt for 2 clips");
        File.WriteAllText(path, "a.mp4\tone\nc.mp4\ttwo\n");
        Should.Throw<EvaluationException>(() => ClipFiles.WithPrompts(clips, path)).Message.ShouldContain("line 2: 'c.mp4' is none of the clips");
        File.WriteAllText(path, """{"file":"b.mp4","prompt":"two"}""" + "\n" + """{"file":"a.mp4","prompt":"one"}""" + "\n");
        ClipFiles.WithPrompts(clips, path).Select(c => c.Prompt).ShouldBe(["one", "two"]);
    }

    [Fact]
    public void Run_PairedWithItself_IsPerfect()
    {
        string clips = WorldClips("a", 2);
        var report = ClipEvaluation.Run(new ClipEvaluationOptions { Clips = clips, Reference = clips, Paired = true }, Device.Cpu).Report;
        report.Sheet["ssim"].Value.ShouldBe(1, 1e-12);
        report.Sheet["psnr"].Value.ShouldBe(100);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string WorldClips(string name, int count)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
        var lines = new List<string>();
        for (int i = 0; i < count; i++)
        {
            Scene scene = SceneSampler.Sample((ulong)i, WorldSplit.HeldOut, new WorldOptions(TwoActors: 0, Camera: 0));
            var rgb = new byte[17 * 64 * 64 * 3];
            Renderer.Render(scene, 64, 64, 17, rgb);
            new Clip([.. Enumerable.Range(0, 17).Select(f => new VideoFrame(64, 64, rgb.AsSpan(f * 64 * 64 * 3, 64 * 64 * 3).ToArray()))], 8).Save(Path.Combine(folder, $"{i:D2}.mp4"), new VideoWriterOptions { Quality = 12 });
            Actor a = scene.Actors[0];
            lines.Add($"{i:D2}.mp4\t{CaptionGrammar.Canonical(new Combination(a.Noun, a.Color, a.Motion, scene.Setting))}");
        }
        File.WriteAllLines(Path.Combine(_folder, name + ".txt"), lines);
        return folder;
    }

    private static Clip Gray(params byte[] levels) => new([.. levels.Select(l => new VideoFrame(16, 16, Enumerable.Repeat(l, 16 * 16 * 3).ToArray()))], 8);
}
