using Kinora.Training.Loop;

namespace Kinora.Training.Tests.Runs;

public sealed class ResumeTests
{
    private static readonly string[] Stages = ["codec", "text", "generator"];

    [Fact]
    public void Run_KilledInEveryStage_ContinuesBitIdentically()
    {
        using var whole = new TemporaryFolder();
        using var broken = new TemporaryFolder();
        using (var process = Tiny.Start(whole.Path))
            Finish(process);

        // Killed as soon as a stage says that it has begun: before, during or just after its first steps.
        foreach (string stage in new[] { "codec", "text", "latents", "generator" })
        {
            using var process = Tiny.Start(broken.Path);
            while (process.StandardError.ReadLine() is { } line)
            {
                if (line.StartsWith(stage + " ...", StringComparison.Ordinal))
                    process.Kill();
            }
            process.WaitForExit();
        }
        using (var process = Tiny.Start(broken.Path))
            Finish(process);

        foreach (string stage in Stages)
            Tiny.Curve(broken.Path, stage).ShouldBe(Tiny.Curve(whole.Path, stage), stage);
        var expected = Tiny.ModelFiles(whole.Path);
        var actual = Tiny.ModelFiles(broken.Path);
        actual.Keys.Order().ShouldBe(expected.Keys.Order());
        foreach (var (name, bytes) in expected)
            actual[name].ShouldBe(bytes, name);
    }

    [Fact]
    public void Run_CanceledBetweenLogLines_SavesAndContinuesBitIdentically()
    {
        using var whole = new TemporaryFolder();
        using var broken = new TemporaryFolder();
        var recipe = Tiny.Recipe();
        recipe.Codec.Optimization.LogEvery = 4;
        recipe.Codec.Optimization.CheckpointEvery = 1000;
        Tiny.Train(recipe, whole.Path, until: "codec");
        using (var cancellation = new CancellationTokenSource())
        {
            var canceling = new CancelAt(cancellation, 1);
            Should.Throw<OperationCanceledException>(() => Tiny.Train(recipe, broken.Path, canceling, "codec", cancellation.Token));
            canceling.Lines.ShouldContain(l => l.Contains("saved at step 1", StringComparison.Ordinal));
        }
        Tiny.Train(recipe, broken.Path, until: "codec");
        Tiny.Curve(broken.Path, "codec").ShouldBe(Tiny.Curve(whole.Path, "codec"));
    }

    private static void Finish(System.Diagnostics.Process process)
    {
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        process.ExitCode.ShouldBe(0, errors);
    }

    private sealed class CancelAt(CancellationTokenSource cancellation, long step) : IProgress<TrainingProgress>
    {
        public List<string> Lines { get; } = [];

        public void Report(TrainingProgress value)
        {
            if (value.Line is not null)
                Lines.Add(value.Line);
            if (value.Done >= step)
                cancellation.Cancel();
        }
    }
}
