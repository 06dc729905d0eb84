// Trains a probe on freshly rendered clips of the training split; no clip is seen twice.

using Kinora.Engine;
using Kinora.Engine.Optimization;
using Kinora.Engine.Random;
using Kinora.Models.Systems.KinoraWorldClip;
using Kinora.World;

namespace Kinora.Evaluation.Probes;

/// <summary>Makes probes.</summary>
public static class ProbeTrainer
{
    private const ulong ScenePurpose = 1, DisturbancePurpose = 2;

    /// <summary>Trains from nothing. The caller frees the probe's parameter store.</summary>
    public static WorldProbe Train(WorldProbeConfig config, ProbeTrainingOptions options, Device device, Action<ProbeTrainingProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(options);
        var root = ParameterPath.Root(new InitializedParameters(options.Seed), DType.Float32, device);
        try
        {
            var probe = new WorldProbe(root, config);
            Optimize(probe, options, stills: false, device, progress, cancellationToken);
            TrainOnStills(probe, options, device, progress, cancellationToken);
            foreach (var (_, value) in probe.Parameters())
                value.RequiresGradInPlace(false);
            return probe;
        }
        catch
        {
            root.Store.Dispose();
            throw;
        }
    }

    /// <summary>The second half of <see cref="Train"/>: single frames alone, for the attributes that do not move.</summary>
    public static void TrainOnStills(WorldProbe probe, ProbeTrainingOptions options, Device device, Action<ProbeTrainingProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(probe);
        ArgumentNullException.ThrowIfNull(options);
        Optimize(probe, options, stills: true, device, progress, cancellationToken);
    }

    private static void Optimize(WorldProbe probe, ProbeTrainingOptions options, bool stills, Device device, Action<ProbeTrainingProgress>? progress, CancellationToken cancellationToken)
    {
        int steps = stills ? options.StillSteps : options.Steps, before = stills ? options.Steps : 0, total = options.Steps + options.StillSteps;
        var parameters = probe.Parameters().ToList();
        Tensor[] values = [.. parameters.Select(p => p.Value)];
        using var optimizer = new AdamW(parameters, new AdamWOptions { WeightDecay = options.WeightDecay, Beta2 = 0.98 });
        var schedule = new LearningRateSchedule { Shape = LearningRateShape.Cosine, Peak = stills ? options.StillLearningRate : options.LearningRate, WarmupSteps = options.WarmupSteps, TotalSteps = steps };
        Task<LabeledClips> Prepare(int step) => Task.Run(() => Batch(probe.Config, options, step, stills), cancellationToken);
        Task<LabeledClips> next = Prepare(before);
        for (int step = before; step < before + steps; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            LabeledClips clips = next.GetAwaiter().GetResult();
            if (step + 1 < before + steps)
                next = Prepare(step + 1);
            using var scope = TensorScope.Enter();
            var (loss, accuracies) = Loss(probe, clips, new Generator(options.Seed, DisturbancePurpose + ((ulong)step << 8)), stills, device);
            loss.Backward();
            GradientClipping.ClipInPlace(values, options.MaxGradientNorm);
            optimizer.Step(schedule.At(step - before + 1));
            optimizer.ZeroGrad();
            progress?.Invoke(new ProbeTrainingProgress(step + 1, total, loss.Item(), accuracies));
        }
    }

    // Three frames of a clip are its first, middle and last.
    private static LabeledClips Batch(WorldProbeConfig config, ProbeTrainingOptions options, int step, bool stills)
    {
        var random = new Generator(options.Seed, ScenePurpose + ((ulong)step << 8));
        int count = stills ? options.StillBatchSize : options.BatchSize;
        return LabeledClips.Render([.. Enumerable.Range(0, count).Select(_ => random.NextUInt64())], WorldSplit.Train, config.Size, stills ? 3 : config.Frames);
    }

    private static (Tensor Loss, double[] Accuracies) Loss(WorldProbe probe, LabeledClips clips, Generator random, bool stills, Device device)
    {
        using var scope = TensorScope.Enter();
        Tensor x;
        using (GradMode.NoGrad())
            x = ClipDisturbance.Apply(clips.ToTensor(device), random, consecutive: !stills);
        Tensor?[] logits;
        using (Autocast.Enter(DType.BFloat16))
            logits = stills ? probe.ForwardStills(x) : probe.Forward(x);
        var losses = new List<Tensor>();
        var accuracies = new double[logits.Length];
        for (int a = 0; a < logits.Length; a++)
        {
            accuracies[a] = double.NaN;
            if (logits[a] is not { } answer)
                continue;
            var targets = clips.Targets(a, device);
            losses.Add(F.CrossEntropy(answer, targets));
            accuracies[a] = answer.Detach().Argmax(1).Eq(targets).To(DType.Float32).Mean().Item();
        }
        return (scope.Keep(Tensor.Stack(losses, 0).Mean()), accuracies);
    }
}
