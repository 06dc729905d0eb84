// Optional keys have a setter, not init: source-generated JSON passes every init-only property, and would overwrite the default of an
// absent key with zero. Nothing but the reader sets them.

using System.Text.Json.Serialization;
using Kinora.Engine;
using Kinora.Engine.Optimization;

namespace Kinora.Training.Recipes;

/// <summary>Everything that decides what <c>kinora train</c> makes: data, networks, and how each stage is optimized.</summary>
public sealed record Recipe : ITrainingRecipe
{
    /// <summary>Names the run folder and the model.</summary>
    public required string Name { get; init; }

    /// <summary>Seeds weights, data and noise. Two runs with equal recipes on the same machine are equal bit for bit.</summary>
    public ulong Seed { get; set; } = 1;

    /// <summary>Dtype of matrix products: <c>bfloat16</c> or <c>float32</c>. Weights, norms, residuals and the optimizer are always float32.</summary>
    public ComputePrecision Precision { get; set; } = ComputePrecision.Bfloat16;

    /// <summary>Size, length and rate of the clips to learn from; the world's, unless a dataset is named.</summary>
    public required WorldRecipe World { get; init; }

    /// <summary>A dataset to learn from; absent for the world.</summary>
    public DatasetRecipe? Dataset { get; set; }

    /// <summary>Stage 1: the causal video autoencoder.</summary>
    public required CodecRecipe Codec { get; init; }

    /// <summary>Stage 2: tokenizer and text encoder.</summary>
    public required TextRecipe Text { get; init; }

    /// <summary>Stage 3: clips encoded once and kept on disk.</summary>
    public required LatentsRecipe Latents { get; init; }

    /// <summary>Stage 4: the diffusion transformer.</summary>
    public required GeneratorRecipe Generator { get; init; }

    /// <summary>Throws <see cref="ConfigException"/> with every violation at once.</summary>
    public void Validate()
    {
        var violations = new List<string>();
        CheckName(violations, Name);
        World.Collect(violations, Codec);
        Dataset?.Collect(violations);
        Codec.Optimization.Collect(violations, "codec.optimization");
        Codec.Collect(violations, World);
        Text.Optimization.Collect(violations, "text.optimization");
        Text.Collect(violations);
        Latents.Collect(violations);
        Generator.Optimization.Collect(violations, "generator.optimization");
        Generator.Collect(violations);
        if (violations.Count > 0)
            throw new ConfigException($"recipe {Name}: {string.Join("; ", violations)}.");
    }

    internal static void CheckName(List<string> violations, string name) => Check(violations, name.Length is > 0 and <= 64 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') && name[0] != '.', "`name` must be 1 to 64 letters, digits, '-', '_' or '.'");

    internal static void Check(List<string> violations, bool holds, string violation)
    {
        if (!holds)
            violations.Add(violation);
    }

    internal static void CheckProbability(List<string> violations, string key, double value) => Check(violations, value is >= 0 and <= 1, $"`{key}` must be within 0 and 1, got {value}");
}

/// <summary>Dtype of matrix products during training.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ComputePrecision>))]
public enum ComputePrecision
{
    [JsonStringEnumMemberName("float32")] Float32,
    [JsonStringEnumMemberName("bfloat16")] Bfloat16,
}

/// <summary>The rule that moves the weights.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<OptimizerKind>))]
public enum OptimizerKind
{
    /// <summary>Adam with decoupled weight decay.</summary>
    [JsonStringEnumMemberName("adamw")] AdamW,

    /// <summary>Orthogonalized momentum for hidden matrices, AdamW for everything else.</summary>
    [JsonStringEnumMemberName("muon")] Muon,
}

/// <summary>Shape and rate of the world's clips.</summary>
public sealed record WorldRecipe
{
    /// <summary>Frame width in pixels.</summary>
    public int Width { get; set; } = 64;

    /// <summary>Frame height in pixels.</summary>
    public int Height { get; set; } = 64;

    /// <summary>Frames of a clip: 1 + a multiple of the codec's temporal compression.</summary>
    public int Frames { get; set; } = 17;

    /// <summary>Frames per second.</summary>
    public double FrameRate { get; set; } = 8;

    internal void Collect(List<string> violations, CodecRecipe codec)
    {
        int spatial = codec.Network.SpatialCompression, temporal = codec.Network.TemporalCompression;
        Recipe.Check(violations, Width > 0 && Width % spatial == 0, $"`world.width` must be a multiple of {spatial}, got {Width}");
        Recipe.Check(violations, Height > 0 && Height % spatial == 0, $"`world.height` must be a multiple of {spatial}, got {Height}");
        Recipe.Check(violations, Frames > 0 && (Frames - 1) % temporal == 0, $"`world.frames` must be 1 + a multiple of {temporal}, got {Frames}");
        Recipe.Check(violations, FrameRate is > 0 and <= 120, $"`world.frame_rate` must be within 0 and 120, got {FrameRate}");
    }
}

/// <summary>How a stage is optimized, checkpointed and reported.</summary>
public sealed record OptimizationRecipe
{
    /// <summary>Optimizer steps.</summary>
    public required long Steps { get; init; }

    /// <summary>Clips (or captions) per optimizer step over all processes.</summary>
    public required int BatchSize { get; init; }

    /// <summary>Parts that a process's share of the batch is computed in, one after the other, to save memory.</summary>
    public int Accumulation { get; set; } = 1;

    /// <summary>The largest learning rate.</summary>
    public required double LearningRate { get; init; }

    /// <summary>What moves the weights: <c>adamw</c>, or <c>muon</c> for hidden matrices with AdamW for the rest.</summary>
    public OptimizerKind Optimizer { get; set; } = OptimizerKind.AdamW;

    /// <summary>The learning-rate curve after the warm-up.</summary>
    [JsonConverter(typeof(LearningRateShapeConverter))]
    public LearningRateShape Schedule { get; set; } = LearningRateShape.WarmupStableDecay;

    /// <summary>Steps of linear warm-up.</summary>
    public long WarmupSteps { get; set; } = 100;

    /// <summary>Steps of the final decay (warm-up, stable, decay).</summary>
    public long DecaySteps { get; set; } = 1000;

    /// <summary>Learning rate at the end as a fraction of the largest.</summary>
    public double FinalFraction { get; set; }

    /// <summary>Decoupled weight decay of matrices.</summary>
    public double WeightDecay { get; set; } = 0.01;

    /// <summary>Decay of the first moment.</summary>
    public double Beta1 { get; set; } = 0.9;

    /// <summary>Decay of the second moment.</summary>
    public double Beta2 { get; set; } = 0.99;

    /// <summary>Limit of the global gradient norm; 0 for none.</summary>
    public double MaxGradientNorm { get; set; } = 1;

    /// <summary>Decay of the weights' moving average in the long run.</summary>
    public double EmaDecay { get; set; } = 0.999;

    /// <summary>
    /// Wall-clock budget in minutes; 0 for none. When just enough time for <see cref="DecaySteps"/> is left, the decay starts
    /// and the stage ends after it. The learning rate itself depends on steps only.
    /// </summary>
    public double MaxMinutes { get; set; }

    /// <summary>Steps between log lines.</summary>
    public int LogEvery { get; set; } = 20;

    /// <summary>Steps between checkpoints.</summary>
    public int CheckpointEvery { get; set; } = 500;

    /// <summary>Steps between validation clips; 0 for none.</summary>
    public int SampleEvery { get; set; } = 1000;

    internal void Collect(List<string> violations, string stage)
    {
        void Check(bool holds, string key, string rule, object value) => Recipe.Check(violations, holds, $"`{stage}.{key}` {rule}, got {value}");
        Check(Steps > 0, "steps", "must be positive", Steps);
        Check(BatchSize > 0, "batch_size", "must be positive", BatchSize);
        Check(Accumulation > 0 && BatchSize % Math.Max(1, Accumulation) == 0, "accumulation", "must divide the batch size", Accumulation);
        Check(LearningRate > 0 && double.IsFinite(LearningRate), "learning_rate", "must be positive", LearningRate);
        Check(WarmupSteps >= 0, "warmup_steps", "must not be negative", WarmupSteps);
        Check(DecaySteps >= 0, "decay_steps", "must not be negative", DecaySteps);
        Check(FinalFraction is >= 0 and <= 1, "final_fraction", "must be within 0 and 1", FinalFraction);
        Check(WeightDecay >= 0, "weight_decay", "must not be negative", WeightDecay);
        Check(Beta1 is >= 0 and < 1, "beta1", "must be within 0 and 1", Beta1);
        Check(Beta2 is >= 0 and < 1, "beta2", "must be within 0 and 1", Beta2);
        Check(MaxGradientNorm >= 0, "max_gradient_norm", "must not be negative", MaxGradientNorm);
        Check(EmaDecay is >= 0 and < 1, "ema_decay", "must be within 0 and 1", EmaDecay);
        Check(MaxMinutes >= 0, "max_minutes", "must not be negative", MaxMinutes);
        Check(LogEvery > 0, "log_every", "must be positive", LogEvery);
        Check(CheckpointEvery > 0, "checkpoint_every", "must be positive", CheckpointEvery);
        Check(SampleEvery >= 0, "sample_every", "must not be negative", SampleEvery);
    }
}
