using Kinora.Engine;

namespace Kinora.Models.Modules;

// φ(t) = [cos(ω_i t), sin(ω_i t)], ω_i = 10000^(−i / (d/2)): order [cos, sin], shift 0.
// Paper: Ho et al., "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, appendix B;
// order as in huggingface/diffusers 58eb52c0, models/embeddings.py (flip_sin_to_cos, downscale_freq_shift 0).
//
// Numerics  float32 whatever surrounds it: at t = 1000 a bfloat16 phase is meaningless.
public static class SinusoidalEmbedding
{
    private const double MaxPeriod = 10_000;

    /// <summary>Embeds times of any shape: [...] → [..., dim].</summary>
    public static Tensor Forward(Tensor t, int dim)
    {
        using var scope = TensorScope.Enter();
        var half = dim / 2;
        var frequencies = new float[half];
        for (var i = 0; i < half; i++) frequencies[i] = (float)Math.Exp(-Math.Log(MaxPeriod) * i / half);
        var phase = t.To(DType.Float32).Unsqueeze(-1) * Tensor.FromArray(frequencies, half).To(t.Device);
        return scope.Keep(Tensor.Cat([phase.Cos(), phase.Sin()], -1));
    }
}
