namespace Kinora.Training.Recipes;

/// <summary>The transformer's size.</summary>
public sealed record GeneratorNetworkRecipe
{
    /// <summary>Transformer blocks.</summary>
    public int NumLayers { get; set; } = 7;

    /// <summary>Attention heads.</summary>
    public int NumAttentionHeads { get; set; } = 5;

    /// <summary>Width of a head; the hidden size is heads × this.</summary>
    public int AttentionHeadDim { get; set; } = 64;

    /// <summary>Feed-forward width over the hidden size.</summary>
    public double MlpRatio { get; set; } = 4;

    /// <summary>Width of the text as the blocks attend to it.</summary>
    public int CrossAttentionDim { get; set; } = 192;

    /// <summary>Latent frames, rows and columns in one token.</summary>
    public IReadOnlyList<int> PatchSize { get; set; } = [1, 2, 2];
}

/// <summary>How noise levels are drawn: logit-normal, then shifted.</summary>
public sealed record FlowRecipe
{
    /// <summary>Mean of the normal whose sigmoid is σ.</summary>
    public double LogitMean { get; set; }

    /// <summary>Standard deviation of that normal.</summary>
    public double LogitStd { get; set; } = 1;

    /// <summary>σ′ = s σ / (1 + (s − 1) σ), in training and in sampling.</summary>
    public double Shift { get; set; } = 3;
}

/// <summary>Stage <c>generator</c>: flow matching on cached latents.</summary>
public sealed record GeneratorRecipe
{
    /// <summary>The network's size.</summary>
    public GeneratorNetworkRecipe Network { get; set; } = new();

    /// <summary>Noise levels.</summary>
    public FlowRecipe Flow { get; set; } = new();

    /// <summary>Whether the text encoder keeps learning.</summary>
    public bool TrainTextEncoder { get; set; } = true;

    /// <summary>Probability that a caption is replaced by the empty prompt, which makes guidance possible.</summary>
    public double CaptionDropout { get; set; } = 0.1;

    /// <summary>Probability that the first latent frame (or several) is given clean: image-to-video and continuation.</summary>
    public double FrameMasking { get; set; } = 0.2;

    /// <summary>Probability that a whole batch is single frames, as many for each clip of the batch as a clip has latent frames: text-to-image.</summary>
    public double ImageBatches { get; set; } = 0.1;

    /// <summary>How it is trained.</summary>
    public required OptimizationRecipe Optimization { get; init; }

    /// <summary>Sampler steps of validation clips.</summary>
    public int SampleSteps { get; set; } = 25;

    /// <summary>Guidance scale of validation clips.</summary>
    public double SampleGuidance { get; set; } = 4;

    internal void Collect(List<string> violations)
    {
        Recipe.CheckProbability(violations, "generator.caption_dropout", CaptionDropout);
        Recipe.CheckProbability(violations, "generator.frame_masking", FrameMasking);
        Recipe.CheckProbability(violations, "generator.image_batches", ImageBatches);
        Recipe.Check(violations, Flow.LogitStd > 0, $"`generator.flow.logit_std` must be positive, got {Flow.LogitStd}");
        Recipe.Check(violations, Flow.Shift > 0, $"`generator.flow.shift` must be positive, got {Flow.Shift}");
        Recipe.Check(violations, SampleSteps > 0, $"`generator.sample_steps` must be positive, got {SampleSteps}");
        Recipe.Check(violations, SampleGuidance >= 1, $"`generator.sample_guidance` must be at least 1, got {SampleGuidance}");
        Recipe.Check(violations, Network.PatchSize.Count == 3 && Network.PatchSize.All(p => p > 0) && Network.PatchSize[0] == 1, "`generator.network.patch_size` must be three positive numbers, the first of them 1");
        Recipe.Check(violations, Network is { NumLayers: > 0, NumAttentionHeads: > 0, AttentionHeadDim: > 0, MlpRatio: > 0, CrossAttentionDim: > 0 }, "`generator.network` sizes must be positive");
    }
}
