using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Modules;

// Attention to itself, attention to the text, perceptron; each after a layer norm and around a shortcut.
// Paper: Rombach et al., "Latent Diffusion", arXiv:2112.10752, section 3.3 and appendix E.2.1.
// Names follow huggingface/diffusers d035dcd7, models/attention.py (BasicTransformerBlock).
//
// Shapes    B batch  L tokens  D width  K text tokens  E width of the text
// Numerics  the residual stream has the type of x; norms accumulate in float32; linears and attention run in the autocast type.
public sealed class BasicTransformerBlock : Module
{
    private readonly LayerNorm _norm1, _norm3;
    private readonly LayerNorm? _norm2;
    private readonly MultiHeadAttention _attn1;
    private readonly MultiHeadAttention? _attn2;
    private readonly GegluFeedForward _ff;
    private readonly bool _onlyCross;

    /// <param name="path">Where the parameters stand.</param>
    /// <param name="dim">D.</param>
    /// <param name="numHeads">Attention heads.</param>
    /// <param name="headDim">Width of a head.</param>
    /// <param name="crossDim">E; null for a block whose second attention, if it has one, is to itself.</param>
    /// <param name="onlyCross">Whether the first attention is to the text as well.</param>
    /// <param name="doubleSelf">Whether there is a second attention although E is null.</param>
    /// <param name="attentionBias">Whether queries, keys and values have a bias.</param>
    public BasicTransformerBlock(ParameterPath path, int dim, int numHeads, int headDim, int? crossDim, bool onlyCross = false, bool doubleSelf = false, bool attentionBias = false) : base(path)
    {
        _onlyCross = onlyCross;
        _norm1 = new LayerNorm(path["norm1"], dim);
        _attn1 = new MultiHeadAttention(path["attn1"], dim, numHeads, headDim, onlyCross ? crossDim : null, attentionBias);
        if (crossDim is not null || doubleSelf)
        {
            _norm2 = new LayerNorm(path["norm2"], dim);
            _attn2 = new MultiHeadAttention(path["attn2"], dim, numHeads, headDim, doubleSelf ? null : crossDim, attentionBias);
        }
        _norm3 = new LayerNorm(path["norm3"], dim);
        _ff = new GegluFeedForward(path["ff"], dim);
    }

    /// <param name="x">[B, L, D]</param>
    /// <param name="context">Text [B, K, E]; null where every attention is to itself.</param>
    /// <param name="contextMask">Added to the scores of the text, [B, 1, 1, K]; null for none.</param>
    public Tensor Forward(Tensor x, Tensor? context, Tensor? contextMask = null)
    {
        using var scope = TensorScope.Enter();
        x = x + (_onlyCross ? _attn1.Forward(_norm1.Forward(x), context, contextMask) : _attn1.Forward(_norm1.Forward(x)));
        if (_attn2 is not null)
            x = x + _attn2.Forward(_norm2!.Forward(x), context, contextMask);
        return scope.Keep(x + _ff.Forward(_norm3.Forward(x)));                                   // [B, L, D]
    }
}
