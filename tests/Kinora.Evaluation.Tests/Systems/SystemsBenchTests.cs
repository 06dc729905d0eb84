// The whole ranking with the probe that ships: a model of random weights must stand behind retrieval, and real clips above both.

using System.Text.Json;
using Kinora.Engine;
using Kinora.Evaluation.Quality;
using Kinora.Evaluation.Retrieval;
using Kinora.Evaluation.Systems;

namespace Kinora.Evaluation.Tests.Systems;

public sealed class SystemsBenchTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kinora-systems-").FullName;

    [Fact]
    public void Run_RandomModelAndRetrieval_RanksThemAndGoesOnWhereItStopped()
    {
        string model = RandomWorldModel.Write(Path.Combine(_folder, "model"));
        var options = new SystemsOptions { Models = [model, Path.Combine(_folder, "absent")], Probes = ShippedProbe.Folder, Training = TrainingCorpus.OfSplit(1000), Prompts = 50, Pairs = 50, RealClips = 100, Work = Path.Combine(_folder, "report", SystemsFolder.WorkFolder) };
        SystemsResult first = SystemsBench.Run(options, Device.Cpu, DType.Float32);
        SystemsReport report = first.Report;
        report.Systems.Select(s => s.Name).ShouldBe(["retrieval", "random", "real clips", "codec of random"]);
        report.LeftOut.Single().Name.ShouldEndWith("absent");
        SystemResult retrieval = report.Systems[0], random = report.Systems[1], real = report.Systems[2];
        retrieval.Row["noun"].Share.ShouldBeGreaterThan(0.5);
        random.Row[ScoreRow.All].Share.ShouldBeLessThan(0.1);
        real.Row[ScoreRow.All].Share.ShouldBeGreaterThan(0.95);
        real.Pairs.ShouldNotBeNull()["relation"].Share.ShouldBeGreaterThan(0.95);
        random.Pairs.ShouldNotBeNull()["relation"].Share.ShouldBeLessThan(0.5);
        random.Sheet.Scores.ShouldContain(s => s.Metric == "world.count");
        random.Parameters!.Value.ShouldBeGreaterThan(1000);
        random.SecondsPerClip!.Value.ShouldBeGreaterThan(0);
        random.TrainingMinutes.ShouldBeNull();
        random.Nearest.Count.ShouldBe(50);
        random.Sheet.Scores.ShouldContain(s => s.Metric == Memorization.Score);
        real.SecondsPerClip.ShouldBeNull();

        string[] made = Directory.GetFiles(options.Work, "*.rgb", SearchOption.AllDirectories);
        made.Length.ShouldBe(300);
        var times = made.ToDictionary(f => f, File.GetLastWriteTimeUtc);
        string lost = made.First(f => f.Contains("random", StringComparison.Ordinal));
        File.Delete(lost);
        SystemsReport again = SystemsBench.Run(options, Device.Cpu, DType.Float32).Report;
        File.Exists(lost).ShouldBeTrue();
        made.Where(f => f != lost).ShouldAllBe(f => File.GetLastWriteTimeUtc(f) == times[f]);
        again.Systems.Select(s => s.Row.Scores.Select(a => a.Right)).ShouldBe(report.Systems.Select(s => s.Row.Scores.Select(a => a.Right)));

        SystemsFolder.Write(Path.Combine(_folder, "report"), first, options.Training);
        string page = File.ReadAllText(Path.Combine(_folder, "report", SystemsFolder.PageFile));
        page.ShouldContain("nearest training clip");
        page.ShouldNotContain("://");
        page.ShouldContain("data:video/mp4;base64,");
        string json = File.ReadAllText(Path.Combine(_folder, "report", SystemsFolder.ReportFile));
        SystemsReport.FromJson(json).Systems.Count.ShouldBe(4);
        Should.Throw<JsonException>(() => SystemsReport.FromJson(json.Replace("kinora-systems/2", "kinora-systems/9", StringComparison.Ordinal)));
    }

    [Fact]
    public void Minutes_OfACard_AreThoseOfItsStages()
    {
        string card = Path.Combine(_folder, "README.md");
        File.WriteAllText(card, "# m\n\n| folder | what |\n|---|---|\n| vae | x |\n\n| stage | steps | minutes | final loss |\n|---|---:|---:|---:|\n| codec | 2720 | 16 | 0.08 |\n| latents | 30000 clips | 6 | |\n\ntext with minutes | 99 |\n");
        TrainingCost.Minutes(card).ShouldBe(22);
        File.WriteAllText(card, "# m\n");
        TrainingCost.Minutes(card).ShouldBeNull();
        TrainingCost.Minutes(Path.Combine(_folder, "absent.md")).ShouldBeNull();
    }

    [Fact]
    public void Validate_FewPrompts_AreRefused() =>
        Should.Throw<ConfigException>(() => new SystemsOptions { Models = [], Probes = "", Training = TrainingCorpus.OfSplit(1), Prompts = 10, Work = "" }.Validate()).Message.ShouldContain("--prompts");

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
