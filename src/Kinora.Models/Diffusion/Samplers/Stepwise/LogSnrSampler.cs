// What the solvers in half the log signal-to-noise ratio, λ = ln(α/σ), have in common.
// Variance preserving: α = 1/√(s² + 1), σ = s α with s the level in units of the signal. Rectified flow: α = 1 − s, σ = s.
// At s = 0, λ = +∞; at s = 1 of a flow, λ = −∞: e^{−h} and 1/r are then 0, and the formulas hold as they stand.

using Kinora.Engine;
using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

/// <summary>Levels α, σ, λ of each call, and what the network's output means there.</summary>
internal abstract class LogSnrSampler(NoiseSchedule? training, PredictionType prediction, CleanLimit limit, bool isFlow, double[] timesteps, double[] sigmas) : StepwiseSampler(timesteps, sigmas)
{
    public override NoiseSchedule? Training => training;

    /// <summary>Whether levels are those of a rectified flow.</summary>
    protected bool IsFlow => isFlow;

    public override Tensor AddNoise(Tensor x, Tensor noise, double timestep)
    {
        int call = CallOf(timestep);
        return LinearCombination.Of((Alpha(call), x), (Sigma(call), noise));
    }

    /// <summary>α at a level's index.</summary>
    protected virtual double Alpha(int index) => isFlow ? 1 - Sigmas[index] : 1 / Math.Sqrt(Sigmas[index] * Sigmas[index] + 1);

    /// <summary>σ at a level's index.</summary>
    protected virtual double Sigma(int index) => isFlow ? Sigmas[index] : Sigmas[index] * Alpha(index);

    /// <summary>λ at a level's index.</summary>
    protected double Lambda(int index) => Math.Log(Alpha(index)) - Math.Log(Sigma(index));

    /// <summary>x₀, limited.</summary>
    protected Tensor Clean(Tensor output, Tensor x, int call) => limit.Apply(Unlimited(output, x, call));

    /// <summary>x₀ as the network says it.</summary>
    protected virtual Tensor Unlimited(Tensor output, Tensor x, int call) => Prediction.Clean(prediction, output, x, Alpha(call), Sigma(call));

    /// <summary>ε; of the limited x₀ when there is a limit.</summary>
    protected Tensor Epsilon(Tensor output, Tensor x, int call) =>
        limit.IsActive ? EpsilonOf(Clean(output, x, call), x, call) : Prediction.Noise(prediction, output, x, Alpha(call), Sigma(call));

    /// <summary>(x − α x₀)/σ.</summary>
    protected Tensor EpsilonOf(Tensor clean, Tensor x, int call) => LinearCombination.Of((1 / Sigma(call), x), (-Alpha(call) / Sigma(call), clean));
}
