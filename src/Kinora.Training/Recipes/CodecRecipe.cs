using Kinora.Models.Systems.KinoraWorld;

namespace Kinora.Training.Recipes;

/// <summary>The autoencoder's size; the rest of its config.json follows from it.</summary>
public sealed record CodecNetworkRecipe
{
    /// <summary>Width of each stage, finest first.</summary>
    public required IReadOnlyList<int> BlockOutChannels { get; init; }

    /// <summary>Residual blocks per encoder stage, finest first.</summary>
    public required IReadOnlyList<int> EncoderLayersPerBlock { get; init; }

    /// <summary>Residual blocks per decoder stage, finest first.</summary>
    public required IReadOnlyList<int> DecoderLayersPerBlock { get; init; }

    /// <summary>Channels of a latent.</summary>
    public int LatentChannels { get; set; } = 16;

    internal int SpatialCompression => ToConfig().SpatialCompression;

    internal int TemporalCompression => ToConfig().TemporalCompression;

    /// <summary>The config.json of the network, with unit latent statistics until they are measured.</summary>
    public VideoAutoencoderConfig ToConfig() => VideoAutoencoderConfig.Create(BlockOutChannels, EncoderLayersPerBlock, DecoderLayersPerBlock, LatentChannels);
}

/// <summary>Weights of the terms of the autoencoder's loss, beside the mean absolute error's 1.</summary>
public sealed record CodecLossRecipe
{
    /// <summary>Mean absolute error of differences between neighboring columns, rows and frames: edges and motion.</summary>
    public double Gradient { get; set; } = 0.2;

    /// <summary>Kullback–Leibler divergence of the posterior from the unit normal, per latent value.</summary>
    public double Divergence { get; set; } = 1e-4;

    /// <summary>Mean squared error: weighs a misplaced actor more than grain, which the absolute error alone forgives.</summary>
    public double Square { get; set; } = 4;

    internal VideoAutoencoderObjective ToObjective() => new() { GradientWeight = Gradient, SquareWeight = Square, KlWeight = Divergence };
}

/// <summary>Stage <c>codec</c>.</summary>
public sealed record CodecRecipe
{
    /// <summary>The network's size.</summary>
    public required CodecNetworkRecipe Network { get; init; }

    /// <summary>The loss.</summary>
    public CodecLossRecipe Loss { get; set; } = new();

    /// <summary>How it is trained.</summary>
    public required OptimizationRecipe Optimization { get; init; }

    /// <summary>
    /// Frames of a training window, 1 + a multiple of the temporal compression; 0 for whole clips. Frames of one clip are much
    /// alike: short windows of many clips teach more per frame, and the network is convolutional in time.
    /// </summary>
    public int Frames { get; set; }

    /// <summary>A last part on whole clips, from the weights that windows gave; absent for none.</summary>
    public OptimizationRecipe? WholeClips { get; set; }

    internal void Collect(List<string> violations, WorldRecipe world)
    {
        WholeClips?.Collect(violations, "codec.whole_clips");
        int temporal = Network.TemporalCompression;
        Recipe.Check(violations, Frames == 0 || (Frames > 0 && Frames <= world.Frames && (Frames - 1) % temporal == 0), $"`codec.frames` must be 0 or 1 + a multiple of {temporal} up to the world's {world.Frames}, got {Frames}");
        Recipe.Check(violations, Loss is { Gradient: >= 0, Square: >= 0, Divergence: >= 0 }, "`codec.loss` weights must not be negative");
        try
        {
            Network.ToConfig().Validate();
        }
        catch (Engine.ConfigException e)
        {
            violations.Add($"`codec.network`: {e.Message}");
        }
    }
}
