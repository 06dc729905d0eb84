// RAFT: optical flow by repeated look-ups in the correlation of all pairs of pixels.
// Paper: Teed and Deng, "RAFT: recurrent all-pairs field transforms for optical flow", arXiv:2003.12039.
// Parameter names follow torchvision 0.14.1 (torchvision/models/optical_flow/raft.py).
//
// Shapes    B pairs  H,W height, width (multiples of 8)  h,w = H/8, W/8  L levels  R radius
// Numerics  Correlation, coordinates and flow are float32; convolutions run in the autocast type.

using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Systems.Raft;

/// <summary>The network.</summary>
public sealed class RaftModel : Module
{
    /// <summary>Pixels of a picture to one of the feature map.</summary>
    public const int Stride = 8;

    /// <summary>Updates of the published evaluation.</summary>
    public const int PublishedUpdates = 20;

    private const double MaskScale = 0.25;
    private const int MaskWindow = 9;

    private readonly RaftConfig _config;
    private readonly RaftEncoder _features, _context;
    private readonly MotionEncoder _motion;
    private readonly ConvGru[] _recurrence;
    private readonly Conv2d _flow1, _flow2;
    private readonly Conv2d? _mask1, _mask2;

    public RaftModel(ParameterPath path, RaftConfig config) : base(path)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(config);
        _config = config;
        _features = new RaftEncoder(path["feature_encoder"], config.FeatureLayers, config.Bottleneck, RaftNorm.Instance);
        _context = new RaftEncoder(path["context_encoder"], config.ContextLayers, config.Bottleneck, config.ContextNorm ? RaftNorm.Batch : RaftNorm.None);
        var update = path["update_block"];
        int window = 2 * config.CorrelationRadius + 1;
        _motion = new MotionEncoder(update["motion_encoder"], config, config.CorrelationLevels * window * window);
        long hidden = config.HiddenChannels, input = config.ContextLayers[^1] - hidden + config.MotionChannels;
        var gru = update["recurrent_block"];
        _recurrence = config.SeparableRecurrence
            ? [new ConvGru(gru["convgru1"], hidden, input, (1, 5)), new ConvGru(gru["convgru2"], hidden, input, (5, 1))]
            : [new ConvGru(gru["convgru1"], hidden, input, (3, 3))];
        _flow1 = new Conv2d(update["flow_head"]["conv1"], hidden, config.FlowHeadChannels, 3, padding: 1);
        _flow2 = new Conv2d(update["flow_head"]["conv2"], config.FlowHeadChannels, 2, 3, padding: 1);
        if (config.MaskChannels > 0)
        {
            _mask1 = new Conv2d(path["mask_predictor"]["convrelu"][0], hidden, config.MaskChannels, 3, padding: 1);
            _mask2 = new Conv2d(path["mask_predictor"]["conv"], config.MaskChannels, Stride * Stride * MaskWindow, 1);
        }
    }

    /// <summary>Features of pictures [N, 3, H, W] in [−1, 1] → [N, C, h, w].</summary>
    public Tensor Features(Tensor pictures) => _features.Forward(pictures);

    /// <summary>Context of pictures [N, 3, H, W] → [N, C, h, w].</summary>
    public Tensor Context(Tensor pictures) => _context.Forward(pictures);

    /// <summary>
    /// Flow from <paramref name="a"/> to <paramref name="b"/>, both [B, 3, H, W] in [−1, 1]: [B, 2, H, W] of (dx, dy) in pixels, after
    /// every update (<paramref name="every"/>) or the last one.
    /// </summary>
    /// <exception cref="ShapeException">A side is no multiple of 8, or too small for the correlation pyramid.</exception>
    public Tensor[] Forward(Tensor a, Tensor b, int updates, bool every = false)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        using var scope = TensorScope.Enter();
        var (n, c, height, width) = a.Dims4();
        int smallest = Stride * (1 << _config.CorrelationLevels);
        if (c != 3 || height % Stride != 0 || width % Stride != 0 || height < smallest || width < smallest)
            throw new ShapeException($"RAFT: expected pictures [B, 3, H, W] with sides that are multiples of {Stride} and at least {smallest}, got [{string.Join(", ", a.Shape)}].");
        var (mapA, mapB) = _features.Forward(Tensor.Cat([a, b], 0)).To(DType.Float32).Chunk2(0);
        var pyramid = Pyramid(mapA, mapB, _config.CorrelationLevels);
        var context = _context.Forward(a);
        var hidden = context.Narrow(1, 0, _config.HiddenChannels).Tanh();
        var known = context.Narrow(1, _config.HiddenChannels, context.Size(1) - _config.HiddenChannels).Relu();
        long h = height / Stride, w = width / Stride;
        var origin = Coordinates(n, h, w, a.Device);                                            // [B, 2, h, w]
        var flow = Tensor.ZerosLike(origin);
        var flows = new List<Tensor>();
        for (int i = 0; i < updates; i++)
        {
            using var update = TensorScope.Enter();
            var motion = _motion.Forward(flow, LookUp(pyramid, origin + flow, _config.CorrelationRadius));
            var input = Tensor.Cat([known, motion], 1);
            var state = hidden;
            foreach (ConvGru gru in _recurrence)
                state = gru.Forward(state, input);
            hidden = update.Keep(state);
            flow = update.Keep(flow + _flow2.Forward(_flow1.Forward(hidden).Relu()).To(DType.Float32));
            if (every || i == updates - 1)
                flows.Add(update.Keep(Upsample(flow, hidden)));
        }
        return scope.Keep([.. flows]);
    }

    // Correlation of every pixel of a with every pixel of b, and its averages over 2×2, 4×4, ..: L × [B·h·w, 1, h', w'].
    internal static Tensor[] Pyramid(Tensor a, Tensor b, int count)
    {
        using var scope = TensorScope.Enter();
        var (n, c, h, w) = a.Dims4();
        var levels = new Tensor[count];
        levels[0] = (a.Reshape(n, c, h * w).Transpose(1, 2).Matmul(b.Reshape(n, c, h * w)) * (1 / Math.Sqrt(c))).Reshape(n * h * w, 1, h, w);
        for (int l = 1; l < levels.Length; l++)
            levels[l] = F.AvgPool2d(levels[l - 1], 2);
        return scope.Keep(levels);
    }

    // Correlations in the window of radius R around each position on each level: [B, L·(2R+1)², h, w]. The window's first axis is x.
    internal static Tensor LookUp(Tensor[] pyramid, Tensor at, int r)
    {
        using var scope = TensorScope.Enter();
        var (n, _, h, w) = at.Dims4();
        int side = 2 * r + 1;
        var steps = Tensor.Linspace(-r, r, side, DType.Float32, at.Device);
        var dx = steps.Unsqueeze(1).Expand(side, side);
        var dy = steps.Unsqueeze(0).Expand(side, side);
        var centers = at.Permute(0, 2, 3, 1).Reshape(n * h * w, 1, 1, 2);
        var found = new Tensor[pyramid.Length];
        for (int l = 0; l < pyramid.Length; l++)
        {
            var (_, _, height, width) = pyramid[l].Dims4();
            double shrink = 1.0 / (1 << l);
            var x = (centers.Narrow(3, 0, 1).Squeeze(3) * shrink + dx) * (2.0 / (width - 1)) - 1.0;          // [B·h·w, side, side]
            var y = (centers.Narrow(3, 1, 1).Squeeze(3) * shrink + dy) * (2.0 / (height - 1)) - 1.0;
            found[l] = F.GridSample(pyramid[l], Tensor.Stack([x, y], -1), alignCorners: true).Reshape(n, h, w, side * side);
        }
        return scope.Keep(Tensor.Cat(found, -1).Permute(0, 3, 1, 2).Contiguous());
    }

    private Tensor Upsample(Tensor flow, Tensor hidden)
    {
        using var scope = TensorScope.Enter();
        var (n, _, h, w) = flow.Dims4();
        if (_mask1 is null || _mask2 is null)
            return scope.Keep(F.InterpolateBilinearAligned(flow, h * Stride, w * Stride) * Stride);
        // Each fine pixel is a convex combination of its nine coarse neighbors.
        var weights = (_mask2.Forward(_mask1.Forward(hidden).Relu()).To(DType.Float32) * MaskScale).Reshape(n, 1, MaskWindow, Stride, Stride, h, w).Softmax(2);
        var neighbors = F.Unfold(flow * Stride, 3).Reshape(n, 2, MaskWindow, 1, 1, h, w);
        return scope.Keep((weights * neighbors).Sum([2]).Permute(0, 1, 4, 2, 5, 3).Reshape(n, 2, h * Stride, w * Stride));
    }

    // (x, y) of every position: [B, 2, h, w].
    internal static Tensor Coordinates(long n, long h, long w, Device device)
    {
        using var scope = TensorScope.Enter();
        var x = Tensor.Arange(0, w, dtype: DType.Float32, device: device).Reshape(1, w).Expand(h, w);
        var y = Tensor.Arange(0, h, dtype: DType.Float32, device: device).Reshape(h, 1).Expand(h, w);
        return scope.Keep(Tensor.Stack([x, y], 0).Unsqueeze(0).Repeat(n, 1, 1, 1));
    }
}

internal enum RaftNorm
{
    None,
    Instance,
    Batch,
}

/// <summary>Convolution, norm, ReLU.</summary>
internal sealed class RaftUnit : Module
{
    private readonly Conv2d _conv;
    private readonly RaftNorm _norm;
    private readonly BatchNorm? _batchNorm;
    private readonly bool _relu;

    public RaftUnit(ParameterPath path, long inChannels, long outChannels, long kernel, long stride, RaftNorm norm, bool relu = true) : base(path)
    {
        _conv = new Conv2d(path[0], inChannels, outChannels, kernel, stride, kernel / 2);
        _norm = norm;
        _batchNorm = norm == RaftNorm.Batch ? new BatchNorm(path[1], outChannels) : null;
        _relu = relu;
    }

    public Tensor Forward(Tensor x)
    {
        using var scope = TensorScope.Enter();
        x = _conv.Forward(x);
        if (_norm == RaftNorm.Instance)
            x = F.InstanceNorm(x.To(DType.Float32));
        if (_batchNorm is not null)
            x = _batchNorm.Forward(x);
        return scope.Keep(_relu ? x.Relu() : x);
    }
}

/// <summary>Two 3×3 convolutions, or a narrow 1×1, 3×3, 1×1, beside a shortcut.</summary>
internal sealed class RaftBlock : Module
{
    private const int BottleneckFactor = 4;
    private readonly RaftUnit[] _units;
    private readonly RaftUnit? _downsample;

    public RaftBlock(ParameterPath path, long inChannels, long outChannels, long stride, bool bottleneck, RaftNorm norm) : base(path)
    {
        long narrow = outChannels / BottleneckFactor;
        _units = bottleneck
            ? [new(path["convnormrelu1"], inChannels, narrow, 1, 1, norm), new(path["convnormrelu2"], narrow, narrow, 3, stride, norm), new(path["convnormrelu3"], narrow, outChannels, 1, 1, norm)]
            : [new(path["convnormrelu1"], inChannels, outChannels, 3, stride, norm), new(path["convnormrelu2"], outChannels, outChannels, 3, 1, norm)];
        _downsample = stride == 1 ? null : new RaftUnit(path["downsample"], inChannels, outChannels, 1, stride, norm, relu: false);
    }

    public Tensor Forward(Tensor x)
    {
        using var scope = TensorScope.Enter();
        var y = x;
        foreach (RaftUnit unit in _units)
            y = unit.Forward(y);
        return scope.Keep(((_downsample?.Forward(x) ?? x) + y).Relu());
    }
}

/// <summary>A picture to a map of one eighth.</summary>
internal sealed class RaftEncoder : Module
{
    private const int Stages = 3, BlocksPerStage = 2;
    private readonly RaftUnit _stem;
    private readonly RaftBlock[] _blocks;
    private readonly Conv2d _out;

    public RaftEncoder(ParameterPath path, IReadOnlyList<int> layers, bool bottleneck, RaftNorm norm) : base(path)
    {
        _stem = new RaftUnit(path["convnormrelu"], 3, layers[0], 7, 2, norm);
        _blocks = [.. from stage in Enumerable.Range(1, Stages)
                      from block in Enumerable.Range(0, BlocksPerStage)
                      select new RaftBlock(path[$"layer{stage}"][block], block == 0 ? layers[stage - 1] : layers[stage], layers[stage], block == 0 && stage > 1 ? 2 : 1, bottleneck, norm)];
        _out = new Conv2d(path["conv"], layers[Stages], layers[Stages + 1], 1);
    }

    public Tensor Forward(Tensor x)
    {
        using var scope = TensorScope.Enter();
        x = _stem.Forward(x);
        foreach (RaftBlock block in _blocks)
            x = block.Forward(x);
        return scope.Keep(_out.Forward(x));
    }
}

/// <summary>Correlations and the flow so far to what the recurrence reads.</summary>
internal sealed class MotionEncoder : Module
{
    private readonly RaftUnit _correlation1, _flow1, _flow2, _out;
    private readonly RaftUnit? _correlation2;

    public MotionEncoder(ParameterPath path, RaftConfig config, long correlations) : base(path)
    {
        IReadOnlyList<int> c = config.MotionCorrelation, f = config.MotionFlow;
        _correlation1 = new RaftUnit(path["convcorr1"], correlations, c[0], 1, 1, RaftNorm.None);
        _correlation2 = c.Count > 1 ? new RaftUnit(path["convcorr2"], c[0], c[1], 3, 1, RaftNorm.None) : null;
        _flow1 = new RaftUnit(path["convflow1"], 2, f[0], 7, 1, RaftNorm.None);
        _flow2 = new RaftUnit(path["convflow2"], f[0], f[1], 3, 1, RaftNorm.None);
        _out = new RaftUnit(path["conv"], c[^1] + f[1], config.MotionChannels - 2, 3, 1, RaftNorm.None);
    }

    public Tensor Forward(Tensor flow, Tensor correlations)
    {
        using var scope = TensorScope.Enter();
        var c = _correlation1.Forward(correlations);
        c = _correlation2?.Forward(c) ?? c;
        var f = _flow2.Forward(_flow1.Forward(flow));
        return scope.Keep(Tensor.Cat([_out.Forward(Tensor.Cat([c, f], 1)), flow], 1));
    }
}

/// <summary>A gated recurrent unit whose products are convolutions.</summary>
internal sealed class ConvGru : Module
{
    private readonly Conv2d _z, _r, _q;

    public ConvGru(ParameterPath path, long hidden, long input, Size2 kernel) : base(path)
    {
        Size2 padding = (kernel.Height / 2, kernel.Width / 2);
        _z = new Conv2d(path["convz"], hidden + input, hidden, kernel, padding: padding);
        _r = new Conv2d(path["convr"], hidden + input, hidden, kernel, padding: padding);
        _q = new Conv2d(path["convq"], hidden + input, hidden, kernel, padding: padding);
    }

    public Tensor Forward(Tensor h, Tensor x)
    {
        using var scope = TensorScope.Enter();
        var hx = Tensor.Cat([h, x], 1);
        var z = _z.Forward(hx).Sigmoid();
        var r = _r.Forward(hx).Sigmoid();
        var q = _q.Forward(Tensor.Cat([r * h, x], 1)).Tanh();
        return scope.Keep((1.0 - z) * h + z * q);
    }
}
