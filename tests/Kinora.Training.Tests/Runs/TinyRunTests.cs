using Kinora.Engine;
using Kinora.Models;
using Kinora.Models.Diffusion.Samplers;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Training.Loop;

namespace Kinora.Training.Tests.Runs;

public sealed class TinyRunTests
{
    [Fact]
    public void Execute_TinyRecipe_LogsEveryStageAndWritesAModelThatGenerates()
    {
        using var folder = new TemporaryFolder();
        long live = Tensor.LiveCount;
        string model = Tiny.Train(Tiny.Recipe(), folder.Path);
        Tensor.LiveCount.ShouldBe(live);

        foreach (string stage in new[] { "codec", "text", "generator" })
        {
            var log = TrainingLog.Read(folder[Path.Combine(stage, "log.jsonl")]).ToList();
            log.Select(e => e.Step).ShouldBe([2L, 4L, 6L, 8L, 10L, 12L]);
            log.ShouldAllBe(e => double.IsFinite(e.Metrics["loss"]) && e.GradNorm > 0 && e.SamplesPerSecond > 0 && e.Gflops > 0);
        }
        Curve(folder, "codec")[^1].ShouldBeLessThan(Curve(folder, "codec")[0]);
        Curve(folder, "text")[^1].ShouldBeLessThan(Curve(folder, "text")[0]);
        string report = File.ReadAllText(folder["report.html"]);
        report.ShouldContain("<polyline");
        report.ShouldNotContain("http");
        File.ReadAllText(Path.Combine(model, "README.md")).ShouldContain("| generator | 12 |");

        using var networks = new NetworkLoader(ModelFolder.Open(model), new LoadOptions());
        using var pipeline = KinoraWorldPipeline.Load(networks);
        using var scope = TensorScope.Enter();
        var latents = pipeline.Sample(new KinoraWorldRequest { Prompt = "a red balloon rises", Seeds = [1], Width = 16, Height = 16, Frames = 5, Sampler = EulerSampler.Sample, Steps = 2, Guidance = 2 });
        latents.Shape.ShouldBe([1L, 4, 2, 2, 2]);
        latents.IsFinite().All().Item().ShouldBe(1);
    }

    [Fact]
    public void Execute_FinishedRun_DoesNothingAgain()
    {
        using var folder = new TemporaryFolder();
        Tiny.Train(Tiny.Recipe(), folder.Path, until: "codec");
        var before = File.GetLastWriteTimeUtc(folder["codec/log.jsonl"]);
        Tiny.Train(Tiny.Recipe(), folder.Path, until: "codec");
        File.GetLastWriteTimeUtc(folder["codec/log.jsonl"]).ShouldBe(before);
    }

    [Fact]
    public void Execute_ValidationSamples_AreWrittenAndTrainingIsUnchangedByThem()
    {
        using var with = new TemporaryFolder();
        using var without = new TemporaryFolder();
        var recipe = Tiny.Recipe();
        Tiny.Train(recipe, without.Path);
        recipe.Codec.Optimization.SampleEvery = recipe.Text.Optimization.SampleEvery = recipe.Generator.Optimization.SampleEvery = 4;
        Tiny.Train(recipe, with.Path);
        foreach (string stage in new[] { "codec", "text", "generator" })
            Tiny.Curve(with.Path, stage).ShouldBe(Tiny.Curve(without.Path, stage));
        File.Exists(with["codec/samples/step-00000008.png"]).ShouldBeTrue();
        File.Exists(with["generator/samples/step-00000012-0.mp4"]).ShouldBeTrue();
        File.ReadAllLines(with["generator/samples/step-00000012.txt"]).Length.ShouldBe(8);
        File.ReadAllText(with["report.html"]).ShouldContain("data:image/png;base64,");
        File.ReadAllText(with["report.html"]).ShouldContain("data:video/mp4;base64,");
    }

    [Fact]
    public void Execute_DecaySignal_EndsTheStageAfterItsDecay()
    {
        using var folder = new TemporaryFolder();
        var recipe = Tiny.Recipe();
        recipe.Text.Optimization.CheckpointEvery = 3;
        Directory.CreateDirectory(folder["codec"]);
        TrainingRun.RequestDecay(recipe, new TrainingOptions { Folder = folder.Path });
        Tiny.Train(recipe, folder.Path, until: "codec");
        var log = TrainingLog.Read(folder["codec/log.jsonl"]).ToList();
        log[^1].Step.ShouldBe(2 + recipe.Codec.Optimization.DecaySteps);
        log[^1].LearningRate.ShouldBeLessThan(log[0].LearningRate);
        File.Exists(folder["codec/decay-now"]).ShouldBeFalse();
    }

    [Fact]
    public void Execute_BatchThatProcessesCannotShare_IsRefused()
    {
        var recipe = Tiny.Recipe();
        recipe.Codec.Optimization.Accumulation = 3;
        Should.Throw<ConfigException>(() => Tiny.Train(recipe, "unused")).Message.ShouldContain("codec.optimization.accumulation");
        Directory.Exists("unused").ShouldBeFalse();
    }

    private static IReadOnlyList<double> Curve(TemporaryFolder folder, string stage) => [.. TrainingLog.Read(folder[Path.Combine(stage, "log.jsonl")]).Select(e => e.Metrics["loss"])];
}
