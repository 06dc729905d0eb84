// Who runs which fixtures: one line per runner.

using Kinora.Evaluation.Parity.Runners;

namespace Kinora.Evaluation.Parity;

/// <summary>Every runner of the product.</summary>
public static class FixtureRunners
{
    /// <summary>One line per runner, by area and name.</summary>
    public static IReadOnlyList<IFixtureRunner> All { get; } =
    [
        // core
        new AutoencoderKlRunner(),
        new AutoencoderTinyRunner(),
        new ControlNetRunner(),
        new UNet2DConditionRunner(),
        new VqModelRunner(),
        // svd, anim
        new TemporalAutoencoderRunner(),
        new UNet3DRunner(),
        new UNetMotionRunner(),
        new UNetSpatioTemporalRunner(),
        // dit
        new WanTransformerRunner(),
        new WanAutoencoderRunner(),
        new LtxTransformerRunner(),
        new LtxAutoencoderRunner(),
        new CogVideoXTransformerRunner(),
        new CogVideoXAutoencoderRunner(),
        // text_vision
        new ClipRunner(),
        new ImageProcessorRunner(),
        new SiglipRunner(),
        new T5Runner(),
        // tokenizers
        new TokenizerRunner(),
        // metrics, metrics_nets
        new Runners.AmtRunner(),
        new Runners.FrechetRunner(),
        new Runners.FramePairRunner(),
        new Runners.FvdPreprocessingRunner(),
        new Runners.InceptionI3dRunner(),
        new Runners.InceptionScoreRunner(),
        new Runners.LpipsRunner(),
        new Runners.MusiqRunner(),
        new Runners.OpticalFlowRunner(),
        new Runners.RaftRunner(),
        new Runners.SceneDetectRunner(),
        new Runners.ViClipRunner(),
        // schedulers, ops, train
        new Runners.SamplerRunner(),
        new Runners.TorchOpsRunner(),
        new Runners.OptimizersRunner(),
        new Runners.LearningRatesRunner(),
        new Runners.AverageAndWeightsRunner(),
        // pipelines
        new StableDiffusionRunner(),
        new LatentClipRunner(),
        new StableVideoDiffusionRunner(),
        new WanPipelineRunner(),
        new LtxPipelineRunner(),
    ];

    /// <summary>The runner of a class; null when no system of the product answers to it.</summary>
    public static IFixtureRunner? Find(string className)
    {
        ArgumentException.ThrowIfNullOrEmpty(className);
        return All.SelectMany(runner => runner.Classes.Select(name => (runner, name)))
            .Where(entry => className == entry.name || className.StartsWith(entry.name + " ", StringComparison.Ordinal))
            .OrderByDescending(entry => entry.name.Length)
            .Select(entry => entry.runner)
            .FirstOrDefault();
    }
}
