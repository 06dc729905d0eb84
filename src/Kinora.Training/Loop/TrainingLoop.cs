// One stage from its first step, or its newest checkpoint, to its last.
//
// Exact resume: data and noise are functions of (seed, step, sample), the learning rate is a function of the step, and a checkpoint
// holds every tensor in float32. So a run that was killed anywhere continues with the same bits.
// The clock decides one thing only: when max_minutes is nearly spent, or a decay-now file appears, the remaining steps become the
// decay. From that step on the run depends on steps alone again; the decision itself is in the checkpoints that follow.

using System.Diagnostics;
using System.Globalization;
using Kinora.Engine;
using Kinora.Engine.Distributed;
using Kinora.Engine.Optimization;
using Kinora.Training.Recipes;

namespace Kinora.Training.Loop;

/// <summary>Optimizes a stage.</summary>
internal sealed class TrainingLoop(RunFolder run, ITrainingStage stage, OptimizationRecipe recipe, ComputePrecision precision, string recipeHash, ProcessGroup group, IProgress<TrainingProgress> progress, int profileSteps)
{
    private const int CheckpointsKept = 2, ProfileAfter = 5;
    private readonly Tensor[] _values = [.. stage.Parameters.Select(p => p.Value)];

    /// <summary>Runs to the end of the stage. Cancellation saves a checkpoint and throws.</summary>
    /// <param name="report">Called when there is something new to show in the report.</param>
    /// <param name="export">Called at the end with the averaged weights in place.</param>
    public StageResult Run(Action<TrainingLog> report, Action<StageResult> export, CancellationToken cancellationToken)
    {
        using var optimizer = Optimizer();
        using var ema = new ExponentialMovingAverage(stage.Parameters, new ExponentialMovingAverageOptions { Decay = recipe.EmaDecay });
        using var reducer = group.WorldSize > 1 ? new GradientReducer(group, _values) : null;
        var state = Resume(optimizer, ema);
        group.Broadcast(_values);
        using var log = new TrainingLog(run.Log(stage.Name) + (group.Rank > 0 ? string.Create(CultureInfo.InvariantCulture, $".rank{group.Rank}") : ""), state.Step);
        using var window = new MetricWindow(stage.Metrics.Count + 1, state.WindowSums);
        int windowSteps = state.WindowSteps;
        long step = state.Step, totalSteps = state.TotalSteps;
        double elapsed = state.ElapsedSeconds, windowSeconds = 0;
        int timedSteps = 0;

        stage.Start(step);
        while (step < totalSteps)
        {
            if (profileSteps > 0 && step == state.Step + ProfileAfter)
                progress.Report(new TrainingProgress(stage.Name, step, totalSteps, Line: Profile(ref step, totalSteps, optimizer, ema, reducer)));
            long begin = Stopwatch.GetTimestamp();
            double learningRate = Schedule(totalSteps).At(step);
            Step(step, learningRate, optimizer, ema, reducer, window);
            step++;
            windowSteps++;
            double seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
            elapsed += seconds;
            windowSeconds += seconds;
            timedSteps++;

            bool last = step == totalSteps;
            if (step % recipe.LogEvery == 0 || last)
            {
                var entry = Entry(step, window.Sums(), windowSteps, learningRate, timedSteps, windowSeconds, elapsed);
                log.Add(entry);
                progress.Report(new TrainingProgress(stage.Name, step, totalSteps, Note(entry)));
                if (!double.IsFinite(entry.Metrics[stage.Metrics[0]]))
                    throw new KinoraException(string.Create(CultureInfo.InvariantCulture, $"{stage.Name}: the loss is not finite at step {step}. Lower learning_rate in the recipe and resume from the last checkpoint."));
                window.Clear();
                (windowSteps, windowSeconds, timedSteps) = (0, 0, 0);
                totalSteps = Shorten(step, totalSteps, elapsed, state.ElapsedSeconds, state.Step);
            }
            else if (timedSteps == 1 || seconds > 0.5)
            {
                progress.Report(new TrainingProgress(stage.Name, step, totalSteps));
            }

            bool stopping = cancellationToken.IsCancellationRequested && !last;
            if (step % recipe.CheckpointEvery == 0 || stopping || last)
            {
                if (group.Rank == 0)
                {
                    Save(optimizer, ema, new TrainingState
                    {
                        Step = step,
                        ElapsedSeconds = elapsed,
                        OptimizerSteps = optimizer.StepCount,
                        EmaUpdates = ema.UpdateCount,
                        TotalSteps = totalSteps,
                        WindowSteps = windowSteps,
                        WindowSums = window.Sums(),
                        RecipeHash = recipeHash,
                    });
                }
                if (stopping)
                {
                    progress.Report(new TrainingProgress(stage.Name, step, totalSteps, Line: string.Create(CultureInfo.InvariantCulture, $"{stage.Name}: saved at step {step}; run the same command to continue")));
                    cancellationToken.ThrowIfCancellationRequested();
                }
            }
            if (group.Rank == 0 && recipe.SampleEvery > 0 && (step % recipe.SampleEvery == 0 || last))
            {
                using (ema.Apply())
                {
                    string? line = stage.Sample(step, run.Samples(stage.Name));
                    if (line is not null)
                        progress.Report(new TrainingProgress(stage.Name, step, totalSteps, Line: line));
                }
                report(log);
            }
        }

        double finalLoss = log.Entries.Count > 0 ? log.Entries[^1].Metrics[stage.Metrics[0]] : double.NaN;
        var result = new StageResult(stage.Name, step, elapsed, finalLoss, recipeHash);
        if (group.Rank == 0)
        {
            using (ema.Apply())
                export(result);
            run.Complete(result);
            report(log);
        }
        group.Barrier();
        return result;
    }

    private IOptimizer Optimizer()
    {
        var options = new AdamWOptions { Beta1 = recipe.Beta1, Beta2 = recipe.Beta2, WeightDecay = recipe.WeightDecay };
        return recipe.Optimizer == OptimizerKind.Muon ? new Muon(stage.Parameters, stage.IsHiddenMatrix, options) : new AdamW(stage.Parameters, options);
    }

    private void Step(long step, double learningRate, IOptimizer optimizer, ExponentialMovingAverage ema, GradientReducer? reducer, MetricWindow window)
    {
        using var scope = TensorScope.Enter();
        for (int part = 0; part < recipe.Accumulation; part++)
        {
            using var partScope = TensorScope.Enter();
            var (loss, metrics) = Forward(step, part);
            (recipe.Accumulation == 1 ? loss : loss / recipe.Accumulation).Backward();
            window.Add(metrics, 1.0 / recipe.Accumulation);
        }
        reducer?.Reduce();
        double norm = GradientClipping.GlobalNorm(_values).Item();
        // A step whose gradient overflowed would destroy the moments; it is left out and shows in the log as its norm.
        if (double.IsFinite(norm))
        {
            optimizer.Step(learningRate, GradientClipping.Factor(norm, recipe.MaxGradientNorm));
            ema.Update();
        }
        optimizer.ZeroGrad();
        window.AddLast(norm);
    }

    // Real steps: they count, and move the weights like any other; only the log lacks them.
    private string Profile(ref long step, long totalSteps, IOptimizer optimizer, ExponentialMovingAverage ema, GradientReducer? reducer)
    {
        using var unused = new MetricWindow(stage.Metrics.Count + 1, []);
        long first = step, end = Math.Min(totalSteps - 1, step + profileSteps), at = step;
        string table = EngineRuntime.Profile(() =>
        {
            for (; at < end; at++)
                Step(at, Schedule(totalSteps).At(at), optimizer, ema, reducer, unused);
        });
        step = at;
        return string.Create(CultureInfo.InvariantCulture, $"{stage.Name}: operators of steps {first} to {end - 1}\n{table}");
    }

    private (Tensor Loss, Tensor[] Metrics) Forward(long step, int part)
    {
        if (precision == ComputePrecision.Float32)
            return stage.Loss(step, part);
        using var autocast = Autocast.Enter(DType.BFloat16);
        return stage.Loss(step, part);
    }

    private LearningRateSchedule Schedule(long totalSteps) => new()
    {
        Shape = recipe.Schedule,
        Peak = recipe.LearningRate,
        WarmupSteps = Math.Min(recipe.WarmupSteps, totalSteps / 2),
        TotalSteps = totalSteps,
        DecaySteps = Math.Min(recipe.DecaySteps, totalSteps),
        FinalFraction = recipe.FinalFraction,
    };

    /// <summary>The new last step when the budget or the signal says that the decay starts now.</summary>
    private long Shorten(long step, long totalSteps, double elapsed, double elapsedBefore, long stepBefore)
    {
        long decaySteps = recipe.Schedule == LearningRateShape.WarmupStableDecay ? recipe.DecaySteps : 0;
        if (step + decaySteps >= totalSteps)
            return totalSteps;
        double secondsPerStep = (elapsed - elapsedBefore) / Math.Max(1, step - stepBefore);
        bool spent = recipe.MaxMinutes > 0 && elapsed + decaySteps * secondsPerStep >= recipe.MaxMinutes * 60;
        bool asked = File.Exists(run.DecaySignal(stage.Name));
        bool shorten = group.Any(spent || asked);
        if (!shorten)
            return totalSteps;
        if (group.Rank == 0)
            File.Delete(run.DecaySignal(stage.Name));
        progress.Report(new TrainingProgress(stage.Name, step, step + decaySteps, Line: string.Create(CultureInfo.InvariantCulture, $"{stage.Name}: final decay starts at step {step} and ends at step {step + decaySteps}")));
        return step + decaySteps;
    }

    private LogEntry Entry(long step, IReadOnlyList<double> window, int windowSteps, double learningRate, int timedSteps, double windowSeconds, double elapsed)
    {
        var means = group.Mean([.. window.Select(v => v / windowSteps)]);
        var metrics = new Dictionary<string, double>(StringComparer.Ordinal);
        for (int i = 0; i < stage.Metrics.Count; i++)
            metrics[stage.Metrics[i]] = means[i];
        double samplesPerSecond = timedSteps * recipe.BatchSize / Math.Max(1e-9, windowSeconds);
        return new LogEntry(step, metrics, means[^1], learningRate, samplesPerSecond, samplesPerSecond * stage.GigaflopsPerSample / group.WorldSize, elapsed);
    }

    private static string Note(LogEntry entry)
    {
        string metrics = string.Join(" ", entry.Metrics.Select(m => string.Create(CultureInfo.InvariantCulture, $"{m.Key} {m.Value:G4}")));
        string gflops = entry.Gflops > 0 ? string.Create(CultureInfo.InvariantCulture, $" {entry.Gflops:F0} GFLOP/s") : "";
        return string.Create(CultureInfo.InvariantCulture, $"{metrics} |g| {entry.GradNorm:G3} lr {entry.LearningRate:G3} {entry.SamplesPerSecond:F1} samples/s{gflops}");
    }

    private TrainingState Resume(IOptimizer optimizer, ExponentialMovingAverage ema)
    {
        var checkpoints = run.Checkpoints(stage.Name);
        if (checkpoints.Count == 0)
            return new TrainingState { TotalSteps = recipe.Steps, RecipeHash = recipeHash };
        var state = TrainingCheckpoint.Load(checkpoints[0], stage.Parameters, optimizer, ema);
        if (state.RecipeHash != recipeHash)
            progress.Report(new TrainingProgress(stage.Name, state.Step, state.TotalSteps, Line: $"{stage.Name}: the recipe changed since {Path.GetFileName(checkpoints[0])}; going on with the new one"));
        if (state.RecipeHash != recipeHash && state.Step < recipe.Steps)
            state = state with { TotalSteps = recipe.Steps };
        progress.Report(new TrainingProgress(stage.Name, state.Step, state.TotalSteps, Line: string.Create(CultureInfo.InvariantCulture, $"{stage.Name}: resuming at step {state.Step}")));
        return state;
    }

    private void Save(IOptimizer optimizer, ExponentialMovingAverage ema, TrainingState state)
    {
        TrainingCheckpoint.Save(run.Checkpoint(stage.Name, state.Step), stage.Parameters, optimizer, ema, state);
        foreach (string old in run.Checkpoints(stage.Name).Skip(CheckpointsKept))
            File.Delete(old);
    }
}
