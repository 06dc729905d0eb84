// What a network's output means, and how the clean latents x₀ and the noise ε follow from it, for z = α x₀ + σ ε.
// Papers: Ho et al., arXiv:2006.11239 (ε); Salimans & Ho, arXiv:2202.00512, appendix D (v = α ε − σ x₀); Lipman et al.,
//         arXiv:2210.02747 (flow velocity ε − x₀ with α = 1 − σ).

using Kinora.Engine;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

/// <summary>What the network predicts.</summary>
public enum PredictionType
{
    /// <summary>The noise ε.</summary>
    Epsilon,

    /// <summary>The clean latents x₀.</summary>
    Sample,

    /// <summary>v = α ε − σ x₀ with α² + σ² = 1.</summary>
    Velocity,

    /// <summary>ε − x₀ with α + σ = 1.</summary>
    Flow,
}

/// <summary>Converts predictions into one another.</summary>
internal static class Prediction
{
    /// <summary>The type of a scheduler_config.json's name.</summary>
    public static PredictionType Parse(string name) => name switch
    {
        "epsilon" => PredictionType.Epsilon,
        "sample" or "original_sample" => PredictionType.Sample,
        "v_prediction" => PredictionType.Velocity,
        "flow_prediction" => PredictionType.Flow,
        _ => throw new ConfigException($"prediction_type '{name}' is unknown; expected epsilon, sample, v_prediction or flow_prediction."),
    };

    /// <summary>x₀ of z = α x₀ + σ ε.</summary>
    public static Tensor Clean(PredictionType type, Tensor output, Tensor z, double alpha, double sigma) => type switch
    {
        PredictionType.Epsilon => LinearCombination.Of((1 / alpha, z), (-sigma / alpha, output)),
        PredictionType.Sample => output,
        PredictionType.Velocity => LinearCombination.Of((alpha, z), (-sigma, output)),
        _ => LinearCombination.Of((1, z), (-sigma, output)),
    };

    /// <summary>ε of z = α x₀ + σ ε.</summary>
    public static Tensor Noise(PredictionType type, Tensor output, Tensor z, double alpha, double sigma) => type switch
    {
        PredictionType.Epsilon => output,
        PredictionType.Sample => LinearCombination.Of((1 / sigma, z), (-alpha / sigma, output)),
        PredictionType.Velocity => LinearCombination.Of((alpha, output), (sigma, z)),
        _ => LinearCombination.Of((1, z), (1 - sigma, output)),
    };

    /// <summary>x₀ in the variance-exploding form x = x₀ + σ ε, where the network saw x/√(σ² + 1).</summary>
    public static Tensor CleanExploding(PredictionType type, Tensor output, Tensor x, double sigma) => type switch
    {
        PredictionType.Epsilon => LinearCombination.Of((1, x), (-sigma, output)),
        PredictionType.Sample => output,
        PredictionType.Velocity => LinearCombination.Of((-sigma / Math.Sqrt(sigma * sigma + 1), output), (1 / (sigma * sigma + 1), x)),
        _ => throw new ConfigException("prediction_type 'flow_prediction' needs a sampler of rectified flows."),
    };
}
