using Kinora.Engine;

namespace Kinora.Models.Systems.StableVideoDiffusion;

// A learned share of what a frame says alone against what the clip says: σ(m)·spatial + (1 − σ(m))·temporal.
// Paper: Blattmann et al., "Align your Latents", arXiv:2304.08818, section 3.1.1 (α of equation 4).
// Names follow huggingface/diffusers d035dcd7, models/resnet.py (AlphaBlender).
internal sealed class TimeMixer : Module
{
    private readonly Tensor _mixFactor;
    private readonly bool _switched;

    /// <param name="path">Where the parameters stand.</param>
    /// <param name="mixFactor">Initial m.</param>
    /// <param name="switched">Whether σ(m) is the share of the clip instead, as in the decoder.</param>
    public TimeMixer(ParameterPath path, double mixFactor, bool switched = false) : base(path)
    {
        _mixFactor = path.Create("mix_factor", [1], Init.Constant(mixFactor));
        _switched = switched;
    }

    public Tensor Forward(Tensor spatial, Tensor temporal)                                       // two of the same shape
    {
        using var scope = TensorScope.Enter();
        var share = _mixFactor.To(DType.Float32).Sigmoid().To(spatial.DType);                    // [1]
        return scope.Keep(_switched ? spatial.Addcmul(temporal - spatial, share) : temporal.Addcmul(spatial - temporal, share));
    }
}
