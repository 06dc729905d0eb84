// Weights of the loss by noise level.
// Papers: Hang et al., "Min-SNR weighting", arXiv:2303.09556, section 3.4; Esser et al., arXiv:2403.03206, section 3.1.

using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Models.Diffusion.Objectives;

/// <summary>Loss weights of published recipes.</summary>
public static class LossWeights
{
    /// <summary>ᾱ/(1 − ᾱ), the signal-to-noise ratio of a training step.</summary>
    public static double Snr(NoiseSchedule schedule, int timestep)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        double a = schedule.AlphasCumprod[timestep];
        return a / (1 - a);
    }

    /// <summary>min(SNR, γ)/SNR, for a network that predicts ε.</summary>
    public static double MinSnrEpsilon(double snr, double gamma = 5) => Math.Min(snr, gamma) / snr;

    /// <summary>min(SNR, γ)/(SNR + 1), for a network that predicts v.</summary>
    public static double MinSnrVelocity(double snr, double gamma = 5) => Math.Min(snr, gamma) / (snr + 1);

    /// <summary>1/σ², for a rectified flow.</summary>
    public static double SigmaSquareRoot(double sigma) => 1 / (sigma * sigma);

    /// <summary>2/(π (1 − 2σ + 2σ²)): the density of cosine-mapped times, for a rectified flow.</summary>
    public static double CosineMap(double sigma) => 2 / (Math.PI * (1 - 2 * sigma + 2 * sigma * sigma));
}
