// Keeps the estimate of clean pixels in their range.
// Paper: Saharia et al., "Imagen", arXiv:2205.11487, section 2.3 (dynamic thresholding).

using Kinora.Engine;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

/// <summary>Limits x₀: by a percentile of each sample, by a fixed range, or not at all.</summary>
/// <param name="Thresholding">s = clamp(percentile of |x₀|, 1, Maximum); x₀ ← clamp(x₀, −s, s)/s, per sample.</param>
/// <param name="Ratio">The percentile, in (0, 1).</param>
/// <param name="Maximum">The largest s.</param>
/// <param name="ClipRange">Clamp to ± this instead; null for no limit.</param>
internal sealed record CleanLimit(bool Thresholding, double Ratio, double Maximum, double? ClipRange)
{
    /// <summary>Whether anything is limited.</summary>
    public bool IsActive => Thresholding || ClipRange is not null;

    /// <summary>x₀ within its limits.</summary>
    public Tensor Apply(Tensor clean)
    {
        if (!Thresholding)
        {
            return ClipRange is { } range ? clean.Clamp(-range, range) : clean;
        }
        Tensor flat = clean.Flatten(1);                                                          // [B, n]
        Tensor s = flat.Abs().Quantile(Ratio, 1, keepDim: true).Clamp(1, Maximum);               // [B, 1]
        return (flat.Minimum(s).Maximum(-s) / s).Reshape(clean.Shape);
    }
}
