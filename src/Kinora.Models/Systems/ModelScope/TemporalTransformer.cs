using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.ModelScope;

// A transformer over the frames of every position, with two self-attentions, around a shortcut.
// Paper: Wang et al., "ModelScope Text-to-Video Technical Report", arXiv:2308.06571, section 3.2 (temporal attention).
// Names follow huggingface/diffusers d035dcd7, models/transformers/transformer_temporal.py (TransformerTemporalModel).
//
// Shapes    B clips  F frames  C channels  D inner width
internal sealed class TemporalTransformer : Module
{
    private const double NormEps = 1e-6;
    private readonly GroupNorm _norm;
    private readonly Linear _projIn, _projOut;
    private readonly BasicTransformerBlock _block;

    public TemporalTransformer(ParameterPath path, int channels, int numHeads, int headDim, int groups) : base(path)
    {
        int inner = numHeads * headDim;
        _norm = new GroupNorm(path["norm"], groups, channels, NormEps);
        _projIn = new Linear(path["proj_in"], channels, inner, init: Init.TorchLinear);
        _block = new BasicTransformerBlock(path["transformer_blocks"][0], inner, numHeads, headDim, crossDim: null, doubleSelf: true);
        _projOut = new Linear(path["proj_out"], inner, channels, init: Init.TorchLinear);
    }

    public Tensor Forward(Tensor x, long frames)                                                 // [B·F, C, H, W]
    {
        using var scope = TensorScope.Enter();
        var (_, _, height, w) = x.Dims4();
        var tracks = VideoLayout.ToTracks(_norm.Forward(VideoLayout.ToClip(x, frames)));         // normed over all frames, [B·H·W, F, C]
        var h = _projOut.Forward(_block.Forward(_projIn.Forward(tracks), context: null));        // [B·H·W, F, C]
        return scope.Keep(ForwardTrace.Report(this, x + VideoLayout.FromTracks(h, height, w)));  // [B·F, C, H, W]
    }
}
