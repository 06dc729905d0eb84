using Kinora.Engine;

namespace Kinora.Models.Modules;

// Sines and cosines of a timestep at geometrically spaced frequencies: ω_i = 10000^(−i / (d/2 − shift)).
// Paper: Ho et al., "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, appendix B;
// order and shift as in huggingface/diffusers d035dcd7, models/embeddings.py (Timesteps).
//
// Numerics  float32 whatever surrounds it, frequencies by float32 operators as in the reference: at t = 999 the last bit of a frequency shows.
public static class TimestepPhases
{
    private const double MaxPeriod = 10_000;

    /// <summary>Embeds timesteps [B] as [B, dim]; an odd last column is zero.</summary>
    /// <param name="t">Timesteps of any number type.</param>
    /// <param name="dim">Width.</param>
    /// <param name="flipSinToCos">Cosines before sines.</param>
    /// <param name="freqShift">Taken from the half width in the exponent.</param>
    public static Tensor Forward(Tensor t, int dim, bool flipSinToCos, double freqShift)
    {
        using var scope = TensorScope.Enter();
        var half = dim / 2;
        var exponent = Tensor.Arange(0, half, dtype: DType.Float32, device: t.Device) * -Math.Log(MaxPeriod) / (half - freqShift);
        var phase = t.To(DType.Float32).Unsqueeze(1) * exponent.Exp().Unsqueeze(0);              // [B, dim/2]
        var embedding = flipSinToCos ? Tensor.Cat([phase.Cos(), phase.Sin()], -1) : Tensor.Cat([phase.Sin(), phase.Cos()], -1);
        return scope.Keep(dim % 2 == 0 ? embedding : F.Pad(embedding, [0, 1]));                  // [B, dim]
    }
}
