using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.AnimateDiff;

// A transformer over the frames of every position that knows the frames' places, around a shortcut. Its last projection starts at zero, so that
// a fresh module leaves the picture model as it was.
// Paper: Guo et al., "AnimateDiff", arXiv:2307.04725, section 4.2.
// Names follow huggingface/diffusers d035dcd7, models/unets/unet_motion_model.py (AnimateDiffTransformer3D) and models/attention.py.
//
// Shapes    B clips  F frames  C channels  P longest clip
// Numerics  the residual stream has the type of x; norms accumulate in float32; linears and attention run in the autocast type.
internal sealed class MotionModule : Module
{
    private const double NormEps = 1e-6;
    private readonly GroupNorm _norm;
    private readonly Linear _projIn, _projOut;
    private readonly Block[] _blocks;

    public MotionModule(ParameterPath path, int channels, int numHeads, int numLayers, int groups, int maxFrames) : base(path)
    {
        MaxFrames = maxFrames;
        _norm = new GroupNorm(path["norm"], groups, channels, NormEps);
        _projIn = new Linear(path["proj_in"], channels, channels, init: Init.TorchLinear);
        _blocks = [.. Enumerable.Range(0, numLayers).Select(i => new Block(path["transformer_blocks"][i], channels, numHeads, maxFrames))];
        _projOut = new Linear(path["proj_out"], channels, channels, init: Init.Zeros);
    }

    /// <summary>Frames of the longest clip that the module can place.</summary>
    public int MaxFrames { get; }

    public Tensor Forward(Tensor x, long frames)                                                 // [B·F, C, H, W]
    {
        using var scope = TensorScope.Enter();
        var (_, _, height, w) = x.Dims4();
        var h = VideoLayout.ToTracks(_norm.Forward(VideoLayout.ToClip(x, frames)));              // normed over all frames, [B·H·W, F, C]
        h = _projIn.Forward(h);
        foreach (var block in _blocks) h = block.Forward(h);
        h = _projOut.Forward(h);
        return scope.Keep(ForwardTrace.Report(this, x + VideoLayout.FromTracks(h, height, w)));  // [B·F, C, H, W]
    }

    // x += self-attention(norm1(x) + pe);  x += self-attention(norm2(x) + pe);  x += ff(norm3(x))
    private sealed class Block : Module
    {
        private readonly Tensor _pe;
        private readonly LayerNorm _norm1, _norm2, _norm3;
        private readonly MultiHeadAttention _attn1, _attn2;
        private readonly GegluFeedForward _ff;

        public Block(ParameterPath path, int dim, int numHeads, int maxFrames) : base(path)
        {
            int headDim = dim / numHeads;
            _pe = path["pos_embed"].Create("pe", [1, maxFrames, dim], FramePositions.Init, DType.Float32);
            _norm1 = new LayerNorm(path["norm1"], dim);
            _attn1 = new MultiHeadAttention(path["attn1"], dim, numHeads, headDim);
            _norm2 = new LayerNorm(path["norm2"], dim);
            _attn2 = new MultiHeadAttention(path["attn2"], dim, numHeads, headDim);
            _norm3 = new LayerNorm(path["norm3"], dim);
            _ff = new GegluFeedForward(path["ff"], dim);
        }

        public Tensor Forward(Tensor x)                                                          // [B·H·W, F, C]
        {
            using var scope = TensorScope.Enter();
            var pe = _pe.Detach().Narrow(1, 0, x.Size(1)).To(x.DType);                           // [1, F, C]
            x = x + _attn1.Forward(_norm1.Forward(x) + pe);
            x = x + _attn2.Forward(_norm2.Forward(x) + pe);
            return scope.Keep(x + _ff.Forward(_norm3.Forward(x)));                               // [B·H·W, F, C]
        }
    }
}
