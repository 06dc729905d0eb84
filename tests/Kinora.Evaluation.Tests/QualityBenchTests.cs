// The whole measurement with the probe that ships and a model of random weights, which must score near guessing.

using Kinora.Engine;
using Kinora.Evaluation.Probes;
using Kinora.Evaluation.Quality;
using Kinora.Models;

namespace Kinora.Evaluation.Tests;

public sealed class QualityBenchTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kinora-quality-").FullName;

    [Fact]
    public void ShippedProbe_RealClips_PassesTheGate()
    {
        var probe = ProbeFolder.Load(ShippedProbe.Folder, Device.Cpu);
        using var store = probe.Path.Store;
        var row = ProbeGate.Check(probe, ProbeGate.RealClips(probe.Config, 100, 0), Device.Cpu);
        row.Scores.Where(s => s.Attribute != ScoreRow.All).ShouldAllBe(s => s.Share >= ProbeGate.Required);
    }

    [Fact]
    public void Run_RandomModel_ScoresNearGuessingAndWritesTheReport()
    {
        string model = WriteModel();
        var result = QualityBench.Run(ModelFolder.Open(model), ShippedProbe.Folder, null, new QualityOptions { Prompts = 50, Pairs = 50, RealClips = 50, Seed = 0, Steps = 1, BatchSize = 25 }, Device.Cpu, DType.Float32);
        result.Report.Generated["noun"].Share.ShouldBeLessThan(0.3);
        result.Report.Rows.Select(r => r.Name).ShouldBe(["generated", "codec", "real"]);
        result.Report.World.Scores.Select(s => s.Metric).ShouldContain("world.kernel");
        result.Report.World.Refused.Select(r => r.Metric).ShouldContain("world.frechet");
        result.Report.Passport.ModelSha256.ShouldBe(ModelFolder.Open(model).Sha256());

        string report = Path.Combine(_folder, "report");
        QualityFolder.Write(report, result);
        Directory.GetFiles(Path.Combine(report, "clips")).Length.ShouldBe(100);
        QualityReport.FromJson(File.ReadAllText(Path.Combine(report, "report.json"))).Clips.Count.ShouldBe(100);
        PairScores pairs = result.Report.Pairs.ShouldNotBeNull();
        pairs.Two.Select(r => r.Name).ShouldBe(["generated", "codec", "real"]);
        pairs.Two[0][PairVerdicts.Relation].Share.ShouldBeLessThan(0.5);
        pairs.Two[2][PairVerdicts.Relation].Share.ShouldBeGreaterThanOrEqualTo(ProbeGate.Required);
        result.Report.Clips[50].Attributes.Select(a => a.Attribute).ShouldBe(PairVerdicts.Attributes.Where(a => a != PairVerdicts.Nouns || pairs.Two[0].Scores.Any(s => s.Attribute == a)));
        File.ReadAllText(Path.Combine(report, "index.html")).ShouldContain("data:video/mp4;base64,");
        ScoreCard.UpdateFile(model, result.Report);
        File.ReadAllText(Path.Combine(model, "README.md")).ShouldSatisfyAllConditions(c => c.ShouldContain(ScoreCard.Begin), c => c.ShouldContain("| relation |"));
    }

    [Fact]
    public void Run_ModelOfAnotherSize_IsRefusedBeforeAnyWork()
    {
        string model = WriteModel(size: 32);
        Should.Throw<ConfigException>(() => QualityBench.Run(ModelFolder.Open(model), ShippedProbe.Folder, null, new QualityOptions { Prompts = 50 }, Device.Cpu, DType.Float32)).Message.ShouldContain("32×32");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string WriteModel(int size = 64) => RandomWorldModel.Write(Path.Combine(_folder, "model"), size);
}
