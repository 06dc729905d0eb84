using Kinora.Engine;

namespace Kinora.Models.Systems.KinoraWorld;

/// <summary>
/// The codec's training loss:
/// L1(x̂, x) + square · MSE(x̂, x) + gradient · (L1 of differences between neighboring columns, rows and frames) + kl · KL.
/// The square sees small moving things, whose few large errors the first term loses among many small ones of the background; the third
/// term sees edges.
/// Every term is a mean (over pixels, over latent values), so that weights mean the same at every clip size.
/// </summary>
public sealed record VideoAutoencoderObjective
{
    public double GradientWeight { get; init; } = 0.5;
    public double SquareWeight { get; init; }
    public double KlWeight { get; init; } = 1e-4;

    /// <summary>Encodes, samples with <paramref name="noise"/> (standard normal, latent shape), decodes and scores clips [B, 3, F, H, W] in [−1, 1].</summary>
    public VideoAutoencoderLoss Loss(VideoAutoencoder autoencoder, Tensor x, Tensor noise)
    {
        using var scope = TensorScope.Enter();
        var posterior = autoencoder.Encode(x);
        var reconstruction = autoencoder.Decode(posterior.Sample(noise));
        var error = reconstruction - x;                                                          // [B, 3, F, H, W]
        var l1 = error.Abs().Mean();
        var gradient = Differences(error, 4) + Differences(error, 3);
        if (x.Size(2) > 1) gradient = gradient + Differences(error, 2);
        var kl = posterior.KullbackLeibler();
        var square = error.Square().Mean();
        var total = l1 + square * SquareWeight + gradient * GradientWeight + kl * KlWeight;
        var meanSquare = square.Detach();
        scope.Keep(total, l1, gradient, kl, meanSquare);
        return new VideoAutoencoderLoss(total, l1, gradient, kl, meanSquare);
    }

    // Mean |e[i + 1] − e[i]| along one dimension. The difference of errors is the error of differences.
    private static Tensor Differences(Tensor error, int dim)
    {
        using var scope = TensorScope.Enter();
        var n = (int)error.Size(dim) - 1;
        return scope.Keep((error.Narrow(dim, 1, n) - error.Narrow(dim, 0, n)).Abs().Mean());
    }
}

/// <summary>Terms of the codec's loss, scalars. <paramref name="Total"/> is what to differentiate.</summary>
/// <param name="Total">The weighted sum.</param>
/// <param name="L1">Mean absolute error in units of [−1, 1].</param>
/// <param name="Gradient">Mean absolute error of differences.</param>
/// <param name="Kl">Nats per latent value.</param>
/// <param name="MeanSquare">Mean squared error, without gradient: PSNR in decibels is 10 log10(4 / MeanSquare).</param>
public readonly record struct VideoAutoencoderLoss(Tensor Total, Tensor L1, Tensor Gradient, Tensor Kl, Tensor MeanSquare);
