// Folders of clips against a folder of training clips: two of the judged clips are copies of training clips.

using Kinora.Engine;
using Kinora.Evaluation.Clips;
using Kinora.Evaluation.Comparison;
using Kinora.Evaluation.Retrieval;
using Kinora.Evaluation.Studies;
using Kinora.Media;
using Kinora.World;

namespace Kinora.Evaluation.Tests.Clips;

public sealed class TrainingSearchTests : IDisposable
{
    private const int Side = 32, Frames = 5;
    private readonly string _folder = Directory.CreateTempSubdirectory("kinora-training-").FullName;

    [Fact]
    public void Run_WithTrainingClips_ShowsTheNearestAndThePageComparesBoth()
    {
        string training = World("train", 0, 8), judged = World("judged", 100, 2), other = World("other", 200, 4);
        File.Copy(Path.Combine(training, "05.mp4"), Path.Combine(judged, "02.mp4"));
        File.Copy(Path.Combine(training, "07.mp4"), Path.Combine(judged, "03.mp4"));
        EvaluationReport a = Evaluate(judged, training, "a"), b = Evaluate(other, training, "b");
        a.Clips.Single(c => c.Name == "02.mp4").Nearest!.Name.ShouldBe("05.mp4");
        a.Clips.Single(c => c.Name == "03.mp4").Nearest!.Similarity.ShouldBe(1, 1e-9);
        b.Clips.ShouldAllBe(c => c.Nearest!.Similarity < 0.99);
        a.Sheet[Memorization.Similarity].Details.ShouldBeEmpty();
        a.Sheet.Refused.Single(r => r.Metric == Memorization.Score).Reason.ShouldContain("--reference");
        string page = File.ReadAllText(Path.Combine(_folder, "a", EvaluationFolder.PageFile));
        page.ShouldContain("nearest training clip, similarity 1.00: 05.mp4");
        EvaluationReport read = EvaluationReport.Read(Path.Combine(_folder, "a", EvaluationFolder.ReportFile));
        read.Clips[2].Nearest.ShouldBe(a.Clips[2].Nearest);

        ReportComparison comparison = ReportComparison.Of(a, b, null, null, 100, 1);
        StudyQuestion question = new("quality", [], [new("ours", 0.4, 0.1, 0.7), new("<theirs>", -0.4, -0.7, -0.1)], new Dictionary<string, int>(), null, null, null, 1, []);
        var study = new StudyResult(StudyResult.SchemaName, "s", "t", 4, [], [question], [new("world.clipsim", 1, 1, new Dictionary<string, double> { ["ours"] = 0.8, ["<theirs>"] = 0.5 })], []);
        string file = Path.Combine(_folder, "study.json");
        File.WriteAllText(file, study.ToJson());
        string compared = ComparisonPage.Write(comparison, a, b, StudyResult.Read(file), _folder);
        compared.ShouldContain("world.clipsim: Spearman 1.00, Kendall 1.00, 2 systems");
        compared.ShouldContain("&lt;theirs&gt;");
        compared.ShouldContain("train/05.mp4");
        compared.ShouldContain("prefers-color-scheme:dark");
        compared.ShouldNotContain("://");
        ComparisonPage.Write(comparison, a, b, null, _folder).ShouldNotContain("against people");
        File.WriteAllText(file, "{}");
        Should.Throw<EvaluationException>(() => StudyResult.Read(file)).Message.ShouldContain("study aggregate");
    }

    [Fact]
    public void Run_TrainingIsTheReference_IsRefused()
    {
        string training = World("train", 0, 1);
        Should.Throw<EvaluationException>(() => ClipEvaluation.Run(new ClipEvaluationOptions { Clips = training, Training = training, Reference = training + "/" + "." }, Device.Cpu)).Message.ShouldContain("same folder");
    }

    [Fact]
    public void Retrieve_Prompts_GivesTheClipsOfTheNearestCaptions()
    {
        string training = World("train", 0, 3), output = Path.Combine(_folder, "out");
        File.WriteAllText(Path.Combine(training, "00.txt"), "a red cat on a beach\n");
        File.WriteAllText(Path.Combine(training, "01.txt"), "a blue boat in the snow");
        Should.Throw<EvaluationException>(() => RetrievedFolder.Captioned(training, null)).Message.ShouldContain("02.txt");
        File.WriteAllText(Path.Combine(training, "02.txt"), "a ghost in a forest");
        IReadOnlyList<ClipFile> files = RetrievedFolder.Captioned(training, null);
        var found = RetrievedFolder.Write(output, ["one ghost", "snow and a boat"], files, CaptionIndex.ByWords([.. files.Select(f => f.Prompt!)]));
        found.Select(f => f.Source).ShouldBe(["02.mp4", "01.mp4"]);
        File.ReadAllBytes(Path.Combine(output, "0000.mp4")).ShouldBe(File.ReadAllBytes(Path.Combine(training, "02.mp4")));
        ClipFiles.WithPrompts(ClipFiles.Find(output), Path.Combine(output, RetrievedFolder.PromptsFile)).Select(f => f.Prompt).ShouldBe(["one ghost", "snow and a boat"]);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private EvaluationReport Evaluate(string clips, string training, string name)
    {
        ClipEvaluationResult result = ClipEvaluation.Run(new ClipEvaluationOptions { Clips = clips, Training = training }, Device.Cpu);
        EvaluationFolder.Write(Path.Combine(_folder, name), result);
        return result.Report;
    }

    private string World(string name, ulong seed, int count)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
        for (int i = 0; i < count; i++)
        {
            var rgb = new byte[Frames * Side * Side * 3];
            Renderer.Render(SceneSampler.Sample(seed + (ulong)i, options: new WorldOptions(TwoActors: 0, Camera: 0)), Side, Side, Frames, rgb);
            new Clip([.. Enumerable.Range(0, Frames).Select(f => new VideoFrame(Side, Side, rgb.AsSpan(f * Side * Side * 3, Side * Side * 3).ToArray()))], 8).Save(Path.Combine(folder, $"{i:D2}.mp4"));
        }
        return folder;
    }
}
