using Kinora.Engine;

namespace Kinora.Models.Systems.KinoraWorld;

/// <summary>A Gaussian over latents with a diagonal covariance. Both tensors are [B, C, f, h, w] in float32.</summary>
/// <param name="Mean">The mean, which is also the mode: what image conditioning uses.</param>
/// <param name="LogVariance">The natural logarithm of the variance, clamped to [−30, 20].</param>
public readonly record struct LatentPosterior(Tensor Mean, Tensor LogVariance)
{
    // The range of Rombach et al., arXiv:2112.10752 (CompVis/latent-diffusion, ldm/modules/distributions).
    private const double MinLogVariance = -30, MaxLogVariance = 20;

    internal static LatentPosterior Create(Tensor mean, Tensor logVariance) => new(mean.Contiguous(), logVariance.Clamp(MinLogVariance, MaxLogVariance));

    /// <summary>mean + std · noise, with standard normal <paramref name="noise"/> of the mean's shape.</summary>
    public Tensor Sample(Tensor noise)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Mean + (LogVariance * 0.5).Exp() * noise);
    }

    /// <summary>KL(posterior ‖ N(0, 1)) per latent value, averaged: ½ (mean² + var − 1 − log var). A scalar, in nats.</summary>
    public Tensor KullbackLeibler()
    {
        using var scope = TensorScope.Enter();
        return scope.Keep((Mean.Square() + LogVariance.Exp() - 1.0 - LogVariance).Mean() * 0.5);
    }
}
