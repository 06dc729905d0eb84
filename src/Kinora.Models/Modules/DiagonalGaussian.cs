using Kinora.Engine;

namespace Kinora.Models.Modules;

/// <summary>A Gaussian over latents with a diagonal covariance, as encoders of variational autoencoders put it out.</summary>
/// <param name="Mean">The mean, which is also the mode, [B, C, ..].</param>
/// <param name="LogVariance">The natural logarithm of the variance, clamped to [−30, 20], [B, C, ..].</param>
public readonly record struct DiagonalGaussian(Tensor Mean, Tensor LogVariance)
{
    // The range of Rombach et al., arXiv:2112.10752 (CompVis/latent-diffusion, ldm/modules/distributions).
    private const double MinLogVariance = -30, MaxLogVariance = 20;

    /// <summary>From moments [B, 2C, ..]: means, then logarithms of variances.</summary>
    public static DiagonalGaussian FromMoments(Tensor moments)
    {
        using var scope = TensorScope.Enter();
        var (mean, logVariance) = moments.To(DType.Float32).Chunk2(1);
        return new DiagonalGaussian(scope.Keep(mean.Contiguous()), scope.Keep(logVariance.Clamp(MinLogVariance, MaxLogVariance)));
    }

    /// <summary>The standard deviation, [B, C, ..].</summary>
    public Tensor StandardDeviation()
    {
        using var scope = TensorScope.Enter();
        return scope.Keep((LogVariance * 0.5).Exp());
    }

    /// <summary>mean + std · noise, with standard normal <paramref name="noise"/> of the mean's shape.</summary>
    public Tensor Sample(Tensor noise)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Mean + StandardDeviation() * noise);
    }

    /// <summary>KL(this ‖ N(0, 1)) of every sample, summed over its latent values: ½ Σ (mean² + var − 1 − log var), [B] in nats.</summary>
    public Tensor KullbackLeibler()
    {
        using var scope = TensorScope.Enter();
        return scope.Keep((Mean.Square() + LogVariance.Exp() - 1.0 - LogVariance).Flatten(1).Sum([1]) * 0.5);
    }
}
