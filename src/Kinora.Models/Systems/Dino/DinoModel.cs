// DINO's vision transformer: the class token of a picture of any size.
// Papers: Caron et al., "Emerging properties in self-supervised vision transformers", arXiv:2104.14294; Dosovitskiy et al., arXiv:2010.11929, section 3.1.
// Parameter names follow facebookresearch/dino, vision_transformer.py (VisionTransformer, interpolate_pos_encoding).
//
// Shapes    B pictures  H,W height, width in pixels  L = 1 + patches  D width
// Numerics  residual stream and norms in float32; linears and attention in the autocast type; positions are interpolated in float32.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;

namespace Kinora.Models.Systems.Dino;

/// <summary>The network; its sizes follow from its weights.</summary>
public sealed class DinoModel : Module
{
    private const int HeadSize = 64, MlpRatio = 4;
    private const double Eps = 1e-6, EmbeddingStd = 0.02;

    // Added to the grid's sides before they become scales, so that rounding cannot lose a row; part of the published numbers.
    private const double InterpolationMargin = 0.1;

    private readonly int _patch, _side;
    private readonly Tensor _classToken, _positions;
    private readonly Conv2d _embed;
    private readonly Block[] _blocks;
    private readonly LayerNorm _norm;

    /// <param name="path">Root of the parameter names.</param>
    /// <param name="dim">D, a multiple of 64.</param>
    /// <param name="depth">Blocks.</param>
    /// <param name="patch">Side of a patch in pixels.</param>
    /// <param name="side">Patches along a side of the pictures that the positions were learned for.</param>
    public DinoModel(ParameterPath path, int dim, int depth, int patch, int side) : base(path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (dim < HeadSize || dim % HeadSize != 0 || depth < 1 || patch < 1 || side < 1)
            throw new ConfigException($"DINO: the width must be a multiple of {HeadSize}, the rest at least 1; got width {dim}, {depth} blocks, patches of {patch}, {side} along a side.");
        (_patch, _side, Dim) = (patch, side, dim);
        _classToken = path.Create("cls_token", [1, 1, dim], Init.Normal(EmbeddingStd));
        _positions = path.Create("pos_embed", [1, 1 + side * side, dim], Init.Normal(EmbeddingStd));
        _embed = new Conv2d(path["patch_embed"]["proj"], 3, dim, patch, patch);
        _blocks = [.. Enumerable.Range(0, depth).Select(i => new Block(path["blocks"][i], dim))];
        _norm = new LayerNorm(path["norm"], dim, Eps);
    }

    /// <summary>D.</summary>
    public int Dim { get; }

    /// <summary>The normed class token [B, D] of normalized pictures [B, 3, H, W], whose sides are cut to whole patches.</summary>
    public Tensor Forward(Tensor pictures)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        using var scope = TensorScope.Enter();
        var (b, _, h, w) = pictures.Dims4();
        Tensor patches = _embed.Forward(pictures).To(DType.Float32);                                   // [B, D, H/p, W/p]
        Tensor x = Tensor.Cat([_classToken.Expand(b, 1, Dim), patches.Flatten(2).Transpose(1, 2)], 1) + Positions(patches.Size(2), patches.Size(3), h == w);
        foreach (Block block in _blocks)
            x = block.Forward(x);
        return scope.Keep(_norm.Forward(x).Select(1, 0));
    }

    /// <summary>Loads a published file, such as dino_vitbase16_pretrain.pth.</summary>
    /// <exception cref="CheckpointException">The weights are of another network.</exception>
    public static DinoModel Load(string path, Device? device = null)
    {
        int dim, depth, patch, side;
        using (Checkpoint file = Checkpoint.Open(path))
        {
            if (file.Find("patch_embed.proj.weight") is not { Shape: [var d, 3, var p, _] } || file.Find("pos_embed") is not { Shape: [1, var l, _] })
                throw new CheckpointException($"{path}: no `patch_embed.proj.weight` [D, 3, p, p] and `pos_embed` [1, L, D]; expected the weights of DINO's vision transformer.");
            (dim, patch, side) = ((int)d, (int)p, (int)Math.Sqrt(l - 1));
            depth = 1 + file.Names.Where(n => n.StartsWith("blocks.", StringComparison.Ordinal)).Select(n => int.TryParse(n.Split('.')[1], out int i) ? i : -1).DefaultIfEmpty(-1).Max();
        }
        return Checkpoint.Load(path, p => new DinoModel(p, dim, depth, patch, side), device: device);
    }

    private Tensor Positions(long rows, long columns, bool square)                                     // [1, L, D]
    {
        if (square && rows * columns == _side * _side)
            return _positions;
        using var scope = TensorScope.Enter();
        Tensor grid = _positions.Narrow(1, 1, _side * _side).View(1, _side, _side, Dim).Permute(0, 3, 1, 2);
        Tensor stretched = F.InterpolateBicubic(grid, (rows + InterpolationMargin) / _side, (columns + InterpolationMargin) / _side);
        return scope.Keep(Tensor.Cat([_positions.Narrow(1, 0, 1), stretched.Permute(0, 2, 3, 1).Reshape(1, rows * columns, Dim)], 1));
    }

    private sealed class Block : Module
    {
        private readonly LayerNorm _norm1, _norm2;
        private readonly Linear _qkv, _proj, _fc1, _fc2;

        public Block(ParameterPath path, int dim) : base(path)
        {
            _norm1 = new LayerNorm(path["norm1"], dim, Eps);
            _qkv = new Linear(path["attn"]["qkv"], dim, 3 * dim);
            _proj = new Linear(path["attn"]["proj"], dim, dim);
            _norm2 = new LayerNorm(path["norm2"], dim, Eps);
            _fc1 = new Linear(path["mlp"]["fc1"], dim, MlpRatio * dim);
            _fc2 = new Linear(path["mlp"]["fc2"], MlpRatio * dim, dim);
        }

        public Tensor Forward(Tensor x)                                                                // [B, L, D]
        {
            using var scope = TensorScope.Enter();
            var (b, l, d) = x.Dims3();
            var (q, k, v) = _qkv.Forward(_norm1.Forward(x)).View(b, l, 3 * d / HeadSize, HeadSize).Transpose(1, 2).Chunk3(1); // [B, H, L, 64]
            x += _proj.Forward(F.ScaledDotProductAttention(q, k, v).Transpose(1, 2).Reshape(b, l, d)).To(x.DType);
            return scope.Keep(x + _fc2.Forward(_fc1.Forward(_norm2.Forward(x)).Gelu()).To(x.DType));
        }
    }
}
