using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.StableVideoDiffusion;

// Transformer blocks over the positions of each frame, each followed by one over the frames of each position, mixed by a learned share.
// Papers: Blattmann et al., "Stable Video Diffusion", arXiv:2311.15127, appendix D; "Align your Latents", arXiv:2304.08818, section 3.1.1.
// Names follow huggingface/diffusers d035dcd7, models/transformers/transformer_temporal.py (TransformerSpatioTemporalModel) and
// models/attention.py (TemporalBasicTransformerBlock).
//
// Shapes    B clips  F frames  C channels  S positions of a frame (H·W)  K context tokens  E width of the context
// Numerics  the residual stream has the type of x; norms accumulate in float32; linears and attention run in the autocast type.
internal sealed class SpatioTemporalTransformer : Module
{
    private const int Groups = 32;
    private const double NormEps = 1e-6, MixFactor = 0.5;
    private readonly int _channels;
    private readonly GroupNorm _norm;
    private readonly Linear _projIn, _projOut;
    private readonly BasicTransformerBlock[] _spatial;
    private readonly TemporalBlock[] _temporal;
    private readonly TimestepEmbedding _timePosEmbed;
    private readonly TimeMixer _mixer;

    public SpatioTemporalTransformer(ParameterPath path, int channels, int numHeads, int numLayers, int crossDim) : base(path)
    {
        int headDim = channels / numHeads;
        _channels = channels;
        _norm = new GroupNorm(path["norm"], Groups, channels, NormEps);
        _projIn = new Linear(path["proj_in"], channels, channels, init: Init.TorchLinear);
        _spatial = [.. Enumerable.Range(0, numLayers).Select(i => new BasicTransformerBlock(path["transformer_blocks"][i], channels, numHeads, headDim, crossDim))];
        _temporal = [.. Enumerable.Range(0, numLayers).Select(i => new TemporalBlock(path["temporal_transformer_blocks"][i], channels, numHeads, headDim, crossDim))];
        _timePosEmbed = new TimestepEmbedding(path["time_pos_embed"], channels, 4 * channels, outDim: channels);
        _mixer = new TimeMixer(path["time_mixer"], MixFactor);
        _projOut = new Linear(path["proj_out"], channels, channels, init: Init.TorchLinear);
    }

    /// <param name="x">[B·F, C, H, W]</param>
    /// <param name="context">What the frames show, [B·F, K, E].</param>
    /// <param name="frames">F.</param>
    public Tensor Forward(Tensor x, Tensor context, long frames)
    {
        using var scope = TensorScope.Enter();
        var (n, c, height, w) = x.Dims4();
        long b = n / frames, s = height * w;
        var first = context.Reshape(b, frames, context.Size(1), context.Size(2)).Select(1, 0);   // of the first frame, [B, K, E]
        var index = TimestepPhases.Forward(Tensor.Arange(0, frames, device: x.Device), _channels, flipSinToCos: true, freqShift: 0);
        var position = _timePosEmbed.Forward(index).To(x.DType);                                 // [F, C]

        var h = _projIn.Forward(_norm.Forward(x).Permute(0, 2, 3, 1).Reshape(n, s, c));          // [B·F, S, C]
        for (var i = 0; i < _spatial.Length; i++)
        {
            h = _spatial[i].Forward(h, context);
            var spatial = h.View(b, frames, s, c).Transpose(1, 2);                               // [B, S, F, C]
            var temporal = _temporal[i].Forward((spatial + position).Reshape(b * s, frames, c), first); // [B·S, F, C]
            h = _mixer.Forward(spatial, temporal.View(b, s, frames, c)).Transpose(1, 2).Reshape(n, s, c);
        }
        h = _projOut.Forward(h).View(n, height, w, c).Permute(0, 3, 1, 2);                       // [B·F, C, H, W]
        return scope.Keep(ForwardTrace.Report(this, x + h));
    }

    // x += ff_in(norm_in(x));  x += self-attention over frames;  x += attention to the first frame's context;  x += ff(norm3(x))
    private sealed class TemporalBlock : Module
    {
        private readonly LayerNorm _normIn, _norm1, _norm2, _norm3;
        private readonly GegluFeedForward _ffIn, _ff;
        private readonly MultiHeadAttention _attn1, _attn2;

        public TemporalBlock(ParameterPath path, int dim, int numHeads, int headDim, int crossDim) : base(path)
        {
            _normIn = new LayerNorm(path["norm_in"], dim);
            _ffIn = new GegluFeedForward(path["ff_in"], dim);
            _norm1 = new LayerNorm(path["norm1"], dim);
            _attn1 = new MultiHeadAttention(path["attn1"], dim, numHeads, headDim);
            _norm2 = new LayerNorm(path["norm2"], dim);
            _attn2 = new MultiHeadAttention(path["attn2"], dim, numHeads, headDim, crossDim);
            _norm3 = new LayerNorm(path["norm3"], dim);
            _ff = new GegluFeedForward(path["ff"], dim);
        }

        public Tensor Forward(Tensor x, Tensor context)                                          // [B·S, F, C], [B, K, E]
        {
            using var scope = TensorScope.Enter();
            var (n, f, c) = x.Dims3();
            var b = context.Size(0);
            x = x + _ffIn.Forward(_normIn.Forward(x));
            x = x + _attn1.Forward(_norm1.Forward(x));
            // Every position and frame of a clip attends to the same context, so a clip is one sequence of S·F queries.
            x = x + _attn2.Forward(_norm2.Forward(x).View(b, n / b * f, c), context).Reshape(n, f, c);
            return scope.Keep(x + _ff.Forward(_norm3.Forward(x)));                               // [B·S, F, C]
        }
    }
}
