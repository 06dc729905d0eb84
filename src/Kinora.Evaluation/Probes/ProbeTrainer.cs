// Trains a probe on freshly rendered clips of the training split; no clip is seen twice.

using Kinora.Engine;
using Kinora.Engine.Optimization;
using Kinora.Engine.Random;
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
            Optimize(probe, options, device, progress, cancellationToken);
            return probe;
        }
        catch
        {
            root.Store.Dispose();
            throw;
        }
    }

    private static void Optimize(WorldProbe probe, ProbeTrainingOptions options, Device device, Action<ProbeTrainingProgress>? progress, CancellationToken cancellationToken)
    {
        var parameters = probe.Parameters().ToList();
        Tensor[] values = [.. parameters.Select(p => p.Value)];
        using var optimizer = new AdamW(parameters, new AdamWOptions { WeightDecay = options.WeightDecay, Beta2 = 0.98 });
        var schedule = new LearningRateSchedule { Shape = LearningRateShape.Cosine, Peak = options.LearningRate, WarmupSteps = options.WarmupSteps, TotalSteps = options.Steps };
        Task<LabeledClips> next = Task.Run(() => Batch(probe.Config, options, 0), cancellationToken);
        for (int step = 0; step < options.Steps; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            LabeledClips clips = next.GetAwaiter().GetResult();
            int following = step + 1;
            next = following < options.Steps ? Task.Run(() => Batch(probe.Config, options, following), cancellationToken) : next;
            using var scope = TensorScope.Enter();
            var (loss, accuracies) = Loss(probe, clips, new Generator(options.Seed, DisturbancePurpose + ((ulong)step << 8)), device);
            loss.Backward();
            GradientClipping.ClipInPlace(values, options.MaxGradientNorm);
            optimizer.Step(schedule.At(step + 1));
            optimizer.ZeroGrad();
            progress?.Invoke(new ProbeTrainingProgress(step + 1, options.Steps, loss.Item(), accuracies));
        }
        foreach (Tensor value in values)
            value.RequiresGradInPlace(false);
    }

    private static LabeledClips Batch(WorldProbeConfig config, ProbeTrainingOptions options, int step)
    {
        var random = new Generator(options.Seed, ScenePurpose + ((ulong)step << 8));
        return LabeledClips.Render([.. Enumerable.Range(0, options.BatchSize).Select(_ => random.NextUInt64())], WorldSplit.Train, config.Size, config.Frames);
    }

    private static (Tensor Loss, double[] Accuracies) Loss(WorldProbe probe, LabeledClips clips, Generator random, Device device)
    {
        using var scope = TensorScope.Enter();
        Tensor x;
        using (GradMode.NoGrad())
            x = ProbeAugmentation.Apply(clips.ToTensor(device), random);
        Tensor[] logits;
        using (Autocast.Enter(DType.BFloat16))
            logits = probe.Forward(x);
        var accuracies = new double[logits.Length];
        Tensor? total = null;
        for (int a = 0; a < logits.Length; a++)
        {
            var targets = clips.Targets(a, device);
            var loss = F.CrossEntropy(logits[a], targets);
            total = total is null ? loss : total + loss;
            accuracies[a] = logits[a].Detach().Argmax(1).Eq(targets).To(DType.Float32).Mean().Item();
        }
        return (scope.Keep(total! * (1.0 / logits.Length)), accuracies);
    }
}
