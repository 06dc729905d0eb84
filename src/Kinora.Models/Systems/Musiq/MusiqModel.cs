// MUSIQ: the technical quality of a picture of any size, read from patches of the picture and of two smaller or larger copies of it.
// Paper: Ke et al., "MUSIQ: multi-scale image quality transformer", arXiv:2108.05997, section 3.
// Parameter names follow chaofengc/IQA-PyTorch 0d000733, pyiqa/archs/musiq_arch.py; patches and positions its pyiqa/data/multiscale_trans_util.py 13ae732c.
//
// Shapes    B pictures  H,W height, width in pixels  L patches of all scales  D width
// Numerics  float32; linears and attention in the autocast type. The reference fills scales up with masked tokens, which no other token sees; here they do not exist.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;

namespace Kinora.Models.Systems.Musiq;

/// <summary>The network; its sizes follow from its weights.</summary>
public sealed class MusiqModel : Module
{
    private const int PatchSize = 32, StemChannels = 64, PatchChannels = 256, PatchSide = PatchSize / 4, Grid = 10, HeadSize = 64, NormGroups = 32;
    private const double Eps = 1e-6, BlockEps = 1e-4, EmbeddingStd = 0.02;

    // Longer sides of the copies; the picture as it is comes last.
    private static readonly int[] LongerSides = [224, 384];

    private readonly StandardizedConv _root;
    private readonly GroupNorm _rootNorm;
    private readonly Bottleneck _stem;
    private readonly Linear _embedding, _head;
    private readonly Tensor _positions, _scales, _classToken;
    private readonly Block[] _blocks;
    private readonly LayerNorm _norm;
    private readonly int _dim;

    /// <param name="path">Root of the parameter names.</param>
    /// <param name="dim">D, a multiple of 64; 384 as published.</param>
    /// <param name="mlpDim">Width inside the perceptrons; 1152 as published.</param>
    /// <param name="depth">Blocks; 14 as published.</param>
    public MusiqModel(ParameterPath path, int dim, int mlpDim, int depth) : base(path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (dim < HeadSize || dim % HeadSize != 0 || mlpDim < 1 || depth < 1)
            throw new ConfigException($"MUSIQ: the width must be a multiple of {HeadSize}, the rest at least 1; got width {dim}, {mlpDim} inside the perceptrons, {depth} blocks.");
        _dim = dim;
        _root = new StandardizedConv(path["conv_root"], 3, StemChannels, 7, 2);
        _rootNorm = new GroupNorm(path["gn_root"], NormGroups, StemChannels, Eps);
        _stem = new Bottleneck(path["block1"], StemChannels, PatchChannels);
        _embedding = new Linear(path["embedding"], PatchChannels * PatchSide * PatchSide, dim);
        ParameterPath encoder = path["transformer_encoder"];
        _positions = encoder["posembed_input"].Create("position_emb", [1, Grid * Grid, dim], Init.Normal(EmbeddingStd));
        _scales = encoder["scaleembed_input"].Create("scale_emb", [LongerSides.Length + 1, dim], Init.Normal(EmbeddingStd));
        _classToken = encoder.Create("cls", [1, 1, dim], Init.Zeros);
        _blocks = [.. Enumerable.Range(0, depth).Select(i => new Block(encoder["transformer"][$"encoderblock_{i}"], dim, mlpDim))];
        _norm = new LayerNorm(encoder["encoder_norm"], dim, Eps);
        _head = new Linear(path["head"], dim, 1);
    }

    /// <summary>The quality of pictures [B, 3, H, W] in [0, 1] → [B], on the scale of the opinions it was trained on: 0 to 100 for SPAQ.</summary>
    /// <exception cref="ShapeException">Not pictures of three channels.</exception>
    public Tensor Forward(Tensor pictures)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(_head.Forward(ClassToken(pictures)).To(DType.Float32).Squeeze(1));
    }

    /// <summary>What the head reads: [B, D].</summary>
    public Tensor ClassToken(Tensor pictures)
    {
        using var scope = TensorScope.Enter();
        Tensor tokens = Tokens(pictures);
        Tensor x = Tensor.Cat([_classToken.Expand(tokens.Size(0), 1, _dim), tokens], 1);                 // [B, 1 + L, D]
        foreach (Block block in _blocks)
            x = block.Forward(x);
        return scope.Keep(_norm.Forward(x).Select(1, 0));
    }

    /// <summary>Embedded patches of all scales with their positions: [B, L, D].</summary>
    public Tensor Tokens(Tensor pictures)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        using var scope = TensorScope.Enter();
        var (_, c, h, w) = pictures.Dims4();
        if (c != 3)
            throw new ShapeException($"MUSIQ: expected pictures [B, 3, H, W], got [{string.Join(", ", pictures.Shape)}].");
        Tensor x = pictures * 2.0 - 1.0;
        var tokens = new List<Tensor>();
        foreach (int side in LongerSides)
        {
            double ratio = side / (double)Math.Max(h, w);
            long Scaled(long size) => Math.Max(1, (long)Math.Round(size * ratio, MidpointRounding.ToEven));
            tokens.Add(TokensOf(F.InterpolateBicubicTo(x, Scaled(h), Scaled(w)), tokens.Count));
        }
        tokens.Add(TokensOf(x, tokens.Count));
        return scope.Keep(Tensor.Cat(tokens, 1));
    }

    /// <summary>Loads a published file with one output, such as musiq_spaq_ckpt-358bb6af.pth.</summary>
    /// <exception cref="CheckpointException">The weights are of another network.</exception>
    public static MusiqModel Load(string path, Device? device = null)
    {
        int dim, mlpDim, depth;
        using (Checkpoint file = Checkpoint.Open(path))
        {
            const string blocks = "transformer_encoder.transformer.encoderblock_";
            if (file.Find("embedding.weight") is not { Shape: [var d, _] } || file.Find(blocks + "0.mlp.fc1.weight") is not { Shape: [var m, _] })
                throw new CheckpointException($"{path}: no `embedding.weight` [D, {PatchChannels * PatchSide * PatchSide}] and `{blocks}0.mlp.fc1.weight`; expected the weights of MUSIQ as IQA-PyTorch publishes them.");
            if (file.Find("head.0.weight") is { Shape: [var outputs, ..] })
                throw new CheckpointException($"{path}: MUSIQ with {outputs} outputs, a distribution of opinions; expected one output, as of musiq_spaq_ckpt, musiq_koniq_ckpt or musiq_paq2piq_ckpt.");
            (dim, mlpDim) = ((int)d, (int)m);
            depth = 1 + file.Names.Where(n => n.StartsWith(blocks, StringComparison.Ordinal)).Select(n => int.TryParse(n[blocks.Length..].Split('.')[0], out int i) ? i : -1).DefaultIfEmpty(-1).Max();
        }
        return Checkpoint.Load(path, p => new MusiqModel(p, dim, mlpDim, depth), device: device);
    }

    // The picture with zeros around it to whole patches, the smaller half before: [B, l, D].
    private Tensor TokensOf(Tensor x, int scaleId)
    {
        using var scope = TensorScope.Enter();
        var (b, _, h, w) = x.Dims4();
        long rows = (h + PatchSize - 1) / PatchSize, columns = (w + PatchSize - 1) / PatchSize;
        Tensor patches = Same.Pad(x, PatchSize, PatchSize).Reshape(b, 3, rows, PatchSize, columns, PatchSize).Permute(0, 2, 4, 1, 3, 5).Reshape(b * rows * columns, 3, PatchSize, PatchSize);
        Tensor features = F.MaxPool2d(Same.Pad(_rootNorm.Forward(_root.Forward(patches)).Relu(), 3, 2), 3, 2);     // [B·l, 64, 8, 8]
        features = _stem.Forward(features).Permute(0, 2, 3, 1).Reshape(b, rows * columns, -1);                     // channels last, as the weights were trained in
        Tensor positions = _positions.Select(0, 0).IndexSelect(0, Hashed(rows, columns, x.Device));
        return scope.Keep(_embedding.Forward(features) + positions + _scales.Select(0, scaleId));
    }

    // Where a patch lies in a grid of 10 by 10 (section 3.2): nearest neighbors of the ten indices along each side.
    private static Tensor Hashed(long rows, long columns, Device device)
    {
        using var scope = TensorScope.Enter();
        Tensor indices = Tensor.Arange(0, Grid, dtype: DType.Float32, device: device).Reshape(1, 1, 1, Grid);
        Tensor row = F.InterpolateNearestTo(indices, (1, rows)).Reshape(rows, 1), column = F.InterpolateNearestTo(indices, (1, columns)).Reshape(1, columns);
        return scope.Keep((row * Grid + column).Reshape(rows * columns).To(DType.Int64));
    }

    /// <summary>Padding with zeros so that a window of a stride covers ⌈size / stride⌉ places, the smaller half before.</summary>
    private static class Same
    {
        public static Tensor Pad(Tensor x, long kernel, long stride)
        {
            long Missing(long size) => Math.Max(0, ((size + stride - 1) / stride - 1) * stride + kernel - size);
            long rows = Missing(x.Size(2)), columns = Missing(x.Size(3));
            return F.Pad(x, [columns / 2, columns - columns / 2, rows / 2, rows - rows / 2]);
        }
    }

    /// <summary>A convolution whose filters have mean 0 and deviation 1 (Qiao et al., "Weight standardization", arXiv:1903.10520).</summary>
    private sealed class StandardizedConv : Module
    {
        private const double DeviationEps = 1e-5;
        private readonly Tensor _weight;
        private readonly long _kernel, _stride;

        public StandardizedConv(ParameterPath path, long inChannels, long outChannels, long kernel, long stride = 1) : base(path)
        {
            _weight = path.Create("weight", [outChannels, inChannels, kernel, kernel], Init.TorchLinear);
            (_kernel, _stride) = (kernel, stride);
        }

        public Tensor Forward(Tensor x)                                                                  // [N, C, h, w]
        {
            using var scope = TensorScope.Enter();
            long[] filter = [1, 2, 3];
            Tensor weight = _weight - _weight.Mean(filter, keepDim: true);
            weight /= weight.Std(filter, keepDim: true) + DeviationEps;
            return scope.Keep(F.Conv2d(Same.Pad(x, _kernel, _stride), weight, null, _stride));
        }
    }

    private sealed class Bottleneck : Module
    {
        private readonly StandardizedConv _conv1, _conv2, _conv3, _shortcut;
        private readonly GroupNorm _norm1, _norm2, _norm3, _shortcutNorm;

        public Bottleneck(ParameterPath path, long channels, long outChannels) : base(path)
        {
            _conv1 = new StandardizedConv(path["conv1"], channels, channels, 1);
            _norm1 = new GroupNorm(path["gn1"], NormGroups, channels, BlockEps);
            _conv2 = new StandardizedConv(path["conv2"], channels, channels, 3);
            _norm2 = new GroupNorm(path["gn2"], NormGroups, channels, BlockEps);
            _conv3 = new StandardizedConv(path["conv3"], channels, outChannels, 1);
            _norm3 = new GroupNorm(path["gn3"], NormGroups, outChannels, BlockEps);
            _shortcut = new StandardizedConv(path["conv_proj"], channels, outChannels, 1);
            _shortcutNorm = new GroupNorm(path["gn_proj"], NormGroups, outChannels, BlockEps);
        }

        public Tensor Forward(Tensor x)                                                                  // [N, C, 8, 8]
        {
            using var scope = TensorScope.Enter();
            Tensor y = _norm1.Forward(_conv1.Forward(x)).Relu();
            y = _norm2.Forward(_conv2.Forward(y)).Relu();
            y = _norm3.Forward(_conv3.Forward(y));
            return scope.Keep((y + _shortcutNorm.Forward(_shortcut.Forward(x))).Relu());
        }
    }

    private sealed class Block : Module
    {
        private readonly LayerNorm _norm1, _norm2;
        private readonly Linear _query, _key, _value, _out, _fc1, _fc2;

        public Block(ParameterPath path, int dim, int mlpDim) : base(path)
        {
            ParameterPath attention = path["attention"];
            _norm1 = new LayerNorm(path["norm1"], dim, Eps);
            _query = new Linear(attention["query"], dim, dim);
            _key = new Linear(attention["key"], dim, dim);
            _value = new Linear(attention["value"], dim, dim);
            _out = new Linear(attention["out"], dim, dim);
            _norm2 = new LayerNorm(path["norm2"], dim, Eps);
            _fc1 = new Linear(path["mlp"]["fc1"], dim, mlpDim);
            _fc2 = new Linear(path["mlp"]["fc2"], mlpDim, dim);
        }

        public Tensor Forward(Tensor x)                                                                  // [B, L, D]
        {
            using var scope = TensorScope.Enter();
            var (b, l, d) = x.Dims3();
            Tensor h = _norm1.Forward(x);
            Tensor Heads(Linear linear) => linear.Forward(h).View(b, l, d / HeadSize, HeadSize).Transpose(1, 2);   // [B, H, L, 64]
            x += _out.Forward(F.ScaledDotProductAttention(Heads(_query), Heads(_key), Heads(_value)).Transpose(1, 2).Reshape(b, l, d)).To(x.DType);
            return scope.Keep(x + _fc2.Forward(_fc1.Forward(_norm2.Forward(x)).Gelu()).To(x.DType));
        }
    }
}
