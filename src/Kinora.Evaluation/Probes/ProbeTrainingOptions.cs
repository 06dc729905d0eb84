namespace Kinora.Evaluation.Probes;

/// <summary>How a probe is trained. The same options give the same data and the same starting weights.</summary>
public sealed record ProbeTrainingOptions
{
    /// <summary>Decides scenes, disturbances and starting weights.</summary>
    public ulong Seed { get; init; } = 20240607;
    /// <summary>Optimizer steps.</summary>
    public int Steps { get; init; } = 500;
    /// <summary>Clips of one step.</summary>
    public int BatchSize { get; init; } = 48;
    /// <summary>Peak learning rate of AdamW.</summary>
    public double LearningRate { get; init; } = 2.5e-3;
    /// <summary>Further steps on single frames alone: nouns need more examples than anything that moves.</summary>
    public int StillSteps { get; init; } = 400;
    /// <summary>Clips of one such step; three frames of each are drawn.</summary>
    public int StillBatchSize { get; init; } = 64;
    /// <summary>Peak learning rate of these steps.</summary>
    public double StillLearningRate { get; init; } = 1.5e-3;
    /// <summary>Decoupled weight decay.</summary>
    public double WeightDecay { get; init; } = 0.05;
    /// <summary>Steps of linear warm-up; the rate falls to zero along half a cosine after them.</summary>
    public int WarmupSteps { get; init; } = 20;
    /// <summary>Largest norm of all gradients together.</summary>
    public double MaxGradientNorm { get; init; } = 1;
}

/// <summary>What training says of itself while it runs.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Total">Steps in all.</param>
/// <param name="Loss">Mean over attributes of the cross entropy of the last step, nats.</param>
/// <param name="Accuracies">Share of right answers in the last step's batch, by attribute; NaN where the step did not ask.</param>
public readonly record struct ProbeTrainingProgress(int Step, int Total, double Loss, IReadOnlyList<double> Accuracies);
