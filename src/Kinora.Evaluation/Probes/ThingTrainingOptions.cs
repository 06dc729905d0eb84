namespace Kinora.Evaluation.Probes;

/// <summary>How a finder is trained; written beside its weights. The same options give the same data and the same starting weights.</summary>
public sealed record ThingTrainingOptions
{
    /// <summary>Decides scenes, disturbances and starting weights.</summary>
    public ulong Seed { get; init; } = 20261121;
    /// <summary>First layers that keep the probe's weights, which have learned edges and colors already.</summary>
    public int FixedLayers { get; init; } = 4;
    /// <summary>Optimizer steps.</summary>
    public int Steps { get; init; } = 900;
    /// <summary>Clips of one step; three frames of each are seen.</summary>
    public int BatchSize { get; init; } = 32;
    /// <summary>Peak learning rate of AdamW.</summary>
    public double LearningRate { get; init; } = 3e-3;
    /// <summary>Decoupled weight decay.</summary>
    public double WeightDecay { get; init; } = 0.05;
    /// <summary>Steps of linear warm-up; the rate falls to zero along half a cosine after them.</summary>
    public int WarmupSteps { get; init; } = 20;
    /// <summary>Largest norm of all gradients together.</summary>
    public double MaxGradientNorm { get; init; } = 1;
    /// <summary>Part of the clips that show one thing of the training split.</summary>
    public double Single { get; init; } = 0.25;
    /// <summary>Part of the clips that show none to four things anywhere; the rest are pairs of the training split.</summary>
    public double Anywhere { get; init; } = 0.35;
    /// <summary>Standard deviation of the heat around a center, cells.</summary>
    public double Spread { get; init; } = 0.7;
    /// <summary>Weight of the heat map's loss beside those of nouns and colors.</summary>
    public double HeatWeight { get; init; } = 10;
    /// <summary>Steps between checkpoints.</summary>
    public int CheckpointEvery { get; init; } = 100;
}
