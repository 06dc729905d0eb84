using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Modules;

// Transformer blocks over the positions of a feature map, around a shortcut.
// Paper: Rombach et al., arXiv:2112.10752, appendix E.2.1 (SpatialTransformer).
// Names follow huggingface/diffusers d035dcd7, models/transformers/transformer_2d.py (Transformer2DModel).
//
// The projections are stored as 1×1 convolutions (Stable Diffusion 1) or as linears (2 and XL). On channels-last tokens both are the same product.
//
// Shapes    B batch  C channels  H,W height, width  D inner width  K text tokens  E width of the text
public sealed class Transformer2D : Module
{
    private const double NormEps = 1e-6;
    private readonly GroupNorm _norm;
    private readonly Weight _projInWeight, _projOutWeight;
    private readonly Tensor _projInBias, _projOutBias;
    private readonly BasicTransformerBlock[] _blocks;

    /// <param name="path">Where the parameters stand.</param>
    /// <param name="channels">C.</param>
    /// <param name="numHeads">Attention heads.</param>
    /// <param name="headDim">Width of a head; D is the product.</param>
    /// <param name="numLayers">Blocks.</param>
    /// <param name="crossDim">E; null for none.</param>
    /// <param name="groups">Groups of the norm.</param>
    /// <param name="linearProjection">Whether the projections are stored as linears.</param>
    /// <param name="onlyCross">Whether the first attention of each block is to the text as well.</param>
    /// <param name="doubleSelf">Whether blocks have a second attention although E is null.</param>
    /// <param name="attentionBias">Whether queries, keys and values have a bias.</param>
    public Transformer2D(ParameterPath path, int channels, int numHeads, int headDim, int numLayers, int? crossDim, int groups, bool linearProjection = false,
        bool onlyCross = false, bool doubleSelf = false, bool attentionBias = false) : base(path)
    {
        int inner = numHeads * headDim;
        _norm = new GroupNorm(path["norm"], groups, channels, NormEps);
        (_projInWeight, _projInBias) = Projection(path["proj_in"], channels, inner, linearProjection);
        _blocks = [.. Enumerable.Range(0, numLayers).Select(i => new BasicTransformerBlock(path["transformer_blocks"][i], inner, numHeads, headDim, crossDim, onlyCross, doubleSelf, attentionBias))];
        (_projOutWeight, _projOutBias) = Projection(path["proj_out"], inner, channels, linearProjection);
    }

    /// <param name="x">[B, C, H, W]</param>
    /// <param name="context">Text [B, K, E]; null for none.</param>
    /// <param name="contextMask">Added to the scores of the text, [B, 1, 1, K]; null for none.</param>
    public Tensor Forward(Tensor x, Tensor? context, Tensor? contextMask = null)
    {
        using var scope = TensorScope.Enter();
        var (b, c, height, w) = x.Dims4();
        var h = _norm.Forward(x).Permute(0, 2, 3, 1).Reshape(b, height * w, c);                  // [B, H·W, C]
        h = Project(h, _projInWeight, _projInBias);                                              // [B, H·W, D]
        foreach (var block in _blocks) h = block.Forward(h, context, contextMask);
        h = Project(h, _projOutWeight, _projOutBias).View(b, height, w, c).Permute(0, 3, 1, 2);  // [B, C, H, W]
        return scope.Keep(x + h);
    }

    private static (Weight Weight, Tensor Bias) Projection(ParameterPath path, int inDim, int outDim, bool linear) =>
        (path.CreateWeight("weight", linear ? [outDim, inDim] : [outDim, inDim, 1, 1], Init.TorchLinear), path.Create("bias", [outDim], Init.TorchBias(inDim)));

    private static Tensor Project(Tensor x, Weight weight, Tensor bias)
    {
        using var scope = TensorScope.Enter();
        var t = Autocast.Target ?? weight.DType;
        Tensor input = x.To(t);
        return scope.Keep(weight.Apply(t, bias.To(t), (w, b) => F.Linear(input, w.Flatten(1), b), channels: -1));
    }
}
