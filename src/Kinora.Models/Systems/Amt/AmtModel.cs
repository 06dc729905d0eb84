// AMT-S: the picture half way between two others, by flows to both that are refined with correlations of all pairs of pixels.
// Paper: Li et al., "AMT: all-pairs multi-field transforms for efficient frame interpolation", arXiv:2304.09790, section 3.
// Parameter names follow MCG-NKU/AMT, networks/AMT-S.py, as Vchitect/VBench carries it: vbench/third_party/amt/networks/AMT-S.py 4539321c and its blocks.
//
// Shapes    B pairs  H,W height, width (multiples of 16)  h,w = H/8, W/8  C channels  N flows to each picture
// Numerics  float32 throughout.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;
using Kinora.Models.Systems.Raft;

namespace Kinora.Models.Systems.Amt;

/// <summary>The network at its published sizes.</summary>
public sealed class AmtModel : Module
{
    /// <summary>Sides of pictures are multiples of this.</summary>
    public const int Stride = 16;

    /// <summary>Shortest side: the coarsest correlations need two positions.</summary>
    public const int Smallest = RaftModel.Stride << Levels;

    private const int Levels = 4, Radius = 3, NumFlows = 3, SkipChannels = 20, FeatureChannels = 84;
    private const double Half = 0.5;

    // Of the maps at 1/2, 1/4, 1/8 and 1/16.
    private static readonly int[] Channels = [20, 32, 44, 56];

    private readonly FeatureEncoder _features;
    private readonly Unit[][] _pyramid;
    private readonly Decoder _decoder4, _decoder3, _decoder2, _decoder1;
    private readonly Update _update4, _update3, _update2;
    private readonly Unit _combine1;
    private readonly Conv2d _combine2;

    public AmtModel(ParameterPath path) : base(path)
    {
        ArgumentNullException.ThrowIfNull(path);
        _features = new FeatureEncoder(path["feat_encoder"], FeatureChannels);
        _pyramid = [.. Channels.Select((c, i) =>
        {
            ParameterPath level = path["encoder"][$"pyramid{i + 1}"];
            return new[] { new Unit(level[0], i == 0 ? 3 : Channels[i - 1], c, stride: 2), new Unit(level[1], c, c) };
        })];
        _decoder4 = new Decoder(path["decoder4"], 2 * Channels[3] + 1, 2 * Channels[3], Channels[2] + 4);
        _decoder3 = new Decoder(path["decoder3"], 3 * Channels[2] + 4, 3 * Channels[2], Channels[1] + 4);
        _decoder2 = new Decoder(path["decoder2"], 3 * Channels[1] + 4, 3 * Channels[1], Channels[0] + 4);
        _decoder1 = new Decoder(path["decoder1"], 3 * Channels[0] + 4, 3 * Channels[0], 8 * NumFlows);
        _update4 = new Update(path["update4"], Channels[2], 1);
        _update3 = new Update(path["update3"], Channels[1], 2);
        _update2 = new Update(path["update2"], Channels[0], 4);
        _combine1 = new Unit(path["comb_block"][0], path["comb_block"][1], 3 * NumFlows, 6 * NumFlows);
        _combine2 = new Conv2d(path["comb_block"][2], 6 * NumFlows, 3, 3, padding: 1);
    }

    /// <summary>The picture between <paramref name="a"/> and <paramref name="b"/>, all [B, 3, H, W] in [0, 1].</summary>
    /// <exception cref="ShapeException">A side is no multiple of 16, or shorter than 128.</exception>
    public Tensor Forward(Tensor a, Tensor b) => Forward(a, b, out _, out _);

    /// <summary>The same with the refined flows to both pictures, [B, 4, H/8, W/8] and [B, 4, H/2, W/2].</summary>
    public Tensor Forward(Tensor a, Tensor b, out Tensor coarse, out Tensor fine)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        using var scope = TensorScope.Enter();
        var (n, c, height, width) = a.Dims4();
        if (c != 3 || height % Stride != 0 || width % Stride != 0 || height < Smallest || width < Smallest || !a.Shape.AsSpan().SequenceEqual(b.Shape))
            throw new ShapeException($"AMT: expected two pictures [B, 3, H, W] with sides that are multiples of {Stride} and at least {Smallest}, got [{string.Join(", ", a.Shape)}] and [{string.Join(", ", b.Shape)}].");
        Tensor mean = (a.Mean([1, 2, 3], keepDim: true) + b.Mean([1, 2, 3], keepDim: true)) * Half;            // [B, 1, 1, 1]
        (a, b) = (a - mean, b - mean);
        var (mapA, mapB) = _features.Forward(Tensor.Cat([a, b], 0)).Chunk2(0);
        Tensor[] forward = RaftModel.Pyramid(mapA, mapB, Levels), backward = RaftModel.Pyramid(mapB, mapA, Levels);
        Tensor origin = RaftModel.Coordinates(n, height / RaftModel.Stride, width / RaftModel.Stride, a.Device);
        Tensor[] levelsA = Encode(a), levelsB = Encode(b);

        Tensor time = Tensor.Full([n, 1, height / Stride, width / Stride], Half, a.DType, a.Device);
        Tensor h = _decoder4.Forward(Tensor.Cat([levelsA[3], levelsB[3], time], 1));                            // [B, 4 + C, H/8, W/8]
        var (flow, state) = (h.Narrow(1, 0, 4), h.Narrow(1, 4, Channels[2]));
        (flow, state) = Refined(_update4, flow, state);
        coarse = flow;

        h = _decoder3.Forward(Seen(state, levelsA[2], levelsB[2], flow));
        (flow, state) = Refined(_update3, h.Narrow(1, 0, 4) + Doubled(flow), h.Narrow(1, 4, Channels[1]));
        h = _decoder2.Forward(Seen(state, levelsA[1], levelsB[1], flow));
        (flow, state) = Refined(_update2, h.Narrow(1, 0, 4) + Doubled(flow), h.Narrow(1, 4, Channels[0]));
        fine = flow;

        h = _decoder1.Forward(Seen(state, levelsA[0], levelsB[0], flow));                                      // [B, 8N, H, W]
        Tensor upper = Doubled(flow);
        Tensor flowA = h.Narrow(1, 0, 2 * NumFlows) + upper.Narrow(1, 0, 2).Repeat(1, NumFlows, 1, 1), flowB = h.Narrow(1, 2 * NumFlows, 2 * NumFlows) + upper.Narrow(1, 2, 2).Repeat(1, NumFlows, 1, 1);
        Tensor mask = h.Narrow(1, 4 * NumFlows, NumFlows).Sigmoid().Reshape(n * NumFlows, 1, height, width), rest = h.Narrow(1, 5 * NumFlows, 3 * NumFlows).Reshape(n * NumFlows, 3, height, width);
        Tensor Warped(Tensor x, Tensor flows) => Warp(x.RepeatInterleave(NumFlows, 0), flows.Reshape(n * NumFlows, 2, height, width));
        Tensor pictures = mask * Warped(a, flowA) + (1.0 - mask) * Warped(b, flowB) + mean.RepeatInterleave(NumFlows, 0) + rest;
        pictures = pictures.Reshape(n, NumFlows, 3, height, width);
        Tensor middle = pictures.Mean([1]) + _combine2.Forward(_combine1.Forward(pictures.Reshape(n, 3 * NumFlows, height, width)));
        Tensor result = middle.Clamp(0, 1);
        scope.Keep(coarse, fine, result);
        return result;

        // Half way, the flow from one picture to the other is twice the one from the middle.
        (Tensor Flow, Tensor State) Refined(Update update, Tensor flow, Tensor state)
        {
            Tensor small = update.Shrunk(flow);
            Tensor correlations = Tensor.Cat([RaftModel.LookUp(forward, origin + small.Narrow(1, 2, 2) / Half, Radius), RaftModel.LookUp(backward, origin + small.Narrow(1, 0, 2) / Half, Radius)], 1);
            var (deltaState, deltaFlow) = update.Forward(state, small, correlations);
            return (flow + deltaFlow, state + deltaState);
        }
    }

    /// <summary>Loads the published file, amt-s.pth.</summary>
    /// <exception cref="CheckpointException">The weights are of another network.</exception>
    public static AmtModel Load(string path, Device? device = null)
    {
        using (Checkpoint file = Checkpoint.Open(path))
        {
            if (file.Find("comb_block.0.weight") is not { Shape: [6 * NumFlows, 3 * NumFlows, 3, 3] })
                throw new CheckpointException($"{path}: no `comb_block.0.weight` [{6 * NumFlows}, {3 * NumFlows}, 3, 3]; expected the weights of AMT-S, like amt-s.pth.");
        }
        return Checkpoint.Load(path, p => new AmtModel(p), device: device);
    }

    private Tensor[] Encode(Tensor x)
    {
        using var scope = TensorScope.Enter();
        var levels = new Tensor[_pyramid.Length];
        for (int i = 0; i < levels.Length; i++)
            levels[i] = x = _pyramid[i][1].Forward(_pyramid[i][0].Forward(x));
        return scope.Keep(levels);
    }

    private static Tensor Seen(Tensor state, Tensor a, Tensor b, Tensor flow)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Tensor.Cat([state, Warp(a, flow.Narrow(1, 0, 2)), Warp(b, flow.Narrow(1, 2, 2)), flow], 1));
    }

    private static Tensor Doubled(Tensor flow)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(F.ResizeBy(flow, 2, ResizeMode.Bilinear) * 2.0);
    }

    // x [B, C, H, W] at positions moved by flow [B, 2, H, W] in pixels; its border goes on outside.
    private static Tensor Warp(Tensor x, Tensor flow)
    {
        using var scope = TensorScope.Enter();
        var (_, _, h, w) = flow.Dims4();
        Tensor column = Tensor.Linspace(-1, 1, w, DType.Float32, x.Device).Reshape(1, 1, w) + flow.Select(1, 0) / ((w - 1) / 2.0);
        Tensor row = Tensor.Linspace(-1, 1, h, DType.Float32, x.Device).Reshape(1, h, 1) + flow.Select(1, 1) / ((h - 1) / 2.0);
        return scope.Keep(F.GridSample(x, Tensor.Stack([column, row], -1), bicubic: false, SamplePadding.Border, alignCorners: true));
    }

    /// <summary>A 3×3 convolution and a slope for negative values of each channel.</summary>
    private sealed class Unit : Module
    {
        private readonly Conv2d _conv;
        private readonly Tensor _slopes;

        public Unit(ParameterPath path, long inChannels, long outChannels, long stride = 1) : this(path[0], path[1], inChannels, outChannels, stride)
        {
        }

        public Unit(ParameterPath conv, ParameterPath slopes, long inChannels, long outChannels, long stride = 1) : base(conv)
        {
            _conv = new Conv2d(conv, inChannels, outChannels, 3, stride, 1);
            _slopes = slopes.Create("weight", [outChannels], Init.Constant(0.25));
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = TensorScope.Enter();
            return scope.Keep(F.PRelu(_conv.Forward(x), _slopes));
        }
    }

    /// <summary>A unit, a residual block whose last channels pass through units of their own, and a transposed convolution that doubles the sides.</summary>
    private sealed class Decoder : Module
    {
        private readonly Unit _in, _conv1, _side2, _conv3, _side4;
        private readonly Conv2d _conv5;
        private readonly Tensor _slopes, _upWeight, _upBias;
        private readonly long _channels;

        public Decoder(ParameterPath path, long inChannels, long channels, long outChannels) : base(path)
        {
            ParameterPath block = path["convblock"], residual = block[1];
            _channels = channels;
            _in = new Unit(block[0], inChannels, channels);
            _conv1 = new Unit(residual["conv1"], channels, channels);
            _side2 = new Unit(residual["conv2"], SkipChannels, SkipChannels);
            _conv3 = new Unit(residual["conv3"], channels, channels);
            _side4 = new Unit(residual["conv4"], SkipChannels, SkipChannels);
            _conv5 = new Conv2d(residual["conv5"], channels, channels, 3, padding: 1);
            _slopes = residual["prelu"].Create("weight", [channels], Init.Constant(0.25));
            _upWeight = block[2].Create("weight", [channels, outChannels, 4, 4], Init.TorchLinear);
            _upBias = block[2].Create("bias", [outChannels], Init.Zeros);
        }

        public Tensor Forward(Tensor x)                                                          // [B, C, h, w] → [B, out, 2h, 2w]
        {
            using var scope = TensorScope.Enter();
            Tensor y = _in.Forward(x);
            Tensor h = _conv3.Forward(BesideSide(_conv1.Forward(y), _side2));
            h = _conv5.Forward(BesideSide(h, _side4));
            return scope.Keep(F.ConvTranspose2d(F.PRelu(y + h, _slopes), _upWeight, _upBias, 2, 1));
        }

        private Tensor BesideSide(Tensor x, Unit side) => Tensor.Cat([x.Narrow(1, 0, _channels - SkipChannels), side.Forward(x.Narrow(1, _channels - SkipChannels, SkipChannels))], 1);
    }

    /// <summary>What correlations at 1/8 say about flow and state at 1/8 times a factor.</summary>
    private sealed class Update : Module
    {
        private const int Hidden = 76, FlowChannels = 20, CorrelationChannels = 64, MotionChannels = 68;
        private const double Slope = 0.1;

        private readonly Conv2d _correlation, _flow1, _flow2, _motion, _gru1, _gru2, _state1, _state2, _delta1, _delta2;
        private readonly int _factor;

        public Update(ParameterPath path, long stateChannels, int factor) : base(path)
        {
            _factor = factor;
            _correlation = new Conv2d(path["convc1"], 2 * Levels * (2 * Radius + 1) * (2 * Radius + 1), CorrelationChannels, 1);
            _flow1 = new Conv2d(path["convf1"], 4, 2 * FlowChannels, 7, padding: 3);
            _flow2 = new Conv2d(path["convf2"], 2 * FlowChannels, FlowChannels, 3, padding: 1);
            _motion = new Conv2d(path["conv"], CorrelationChannels + FlowChannels, MotionChannels, 3, padding: 1);
            _gru1 = new Conv2d(path["gru"][0], MotionChannels + 4 + stateChannels, Hidden, 3, padding: 1);
            _gru2 = new Conv2d(path["gru"][2], Hidden, Hidden, 3, padding: 1);
            _state1 = new Conv2d(path["feat_head"][0], Hidden, Hidden, 3, padding: 1);
            _state2 = new Conv2d(path["feat_head"][2], Hidden, stateChannels, 3, padding: 1);
            _delta1 = new Conv2d(path["flow_head"][0], Hidden, Hidden, 3, padding: 1);
            _delta2 = new Conv2d(path["flow_head"][2], Hidden, 4, 3, padding: 1);
        }

        /// <summary>Flow at 1/8, in its pixels.</summary>
        public Tensor Shrunk(Tensor flow)
        {
            using var scope = TensorScope.Enter();
            return scope.Keep(_factor == 1 ? flow.Alias() : F.ResizeBy(flow, 1.0 / _factor, ResizeMode.Bilinear) * (1.0 / _factor));
        }

        public (Tensor State, Tensor Flow) Forward(Tensor state, Tensor flow, Tensor correlations)
        {
            using var scope = TensorScope.Enter();
            Tensor known = _factor == 1 ? state : F.ResizeBy(state, 1.0 / _factor, ResizeMode.Bilinear);
            Tensor moved = _flow2.Forward(_flow1.Forward(flow).LeakyRelu(Slope)).LeakyRelu(Slope);
            Tensor motion = _motion.Forward(Tensor.Cat([_correlation.Forward(correlations).LeakyRelu(Slope), moved], 1)).LeakyRelu(Slope);
            Tensor h = _gru2.Forward(_gru1.Forward(Tensor.Cat([motion, flow, known], 1)).LeakyRelu(Slope));
            Tensor deltaState = _state2.Forward(_state1.Forward(h).LeakyRelu(Slope)), deltaFlow = _delta2.Forward(_delta1.Forward(h).LeakyRelu(Slope));
            if (_factor != 1)
                (deltaState, deltaFlow) = (F.ResizeBy(deltaState, _factor, ResizeMode.Bilinear), F.ResizeBy(deltaFlow, _factor, ResizeMode.Bilinear) * (double)_factor);
            scope.Keep(deltaState, deltaFlow);
            return (deltaState, deltaFlow);
        }
    }

    /// <summary>A picture to a map of one eighth, every channel of each picture normed.</summary>
    private sealed class FeatureEncoder : Module
    {
        private static readonly int[] Stages = [32, 64, 96];
        private readonly Conv2d _stem, _out;
        private readonly FeatureBlock[] _blocks;

        public FeatureEncoder(ParameterPath path, long outChannels) : base(path)
        {
            _stem = new Conv2d(path["conv1"], 3, Stages[0], 7, 2, 3);
            _blocks = [.. Stages.SelectMany((c, i) => new[] { new FeatureBlock(path[$"layer{i + 1}"][0], i == 0 ? c : Stages[i - 1], c, i == 0 ? 1 : 2), new FeatureBlock(path[$"layer{i + 1}"][1], c, c, 1) })];
            _out = new Conv2d(path["conv2"], Stages[^1], outChannels, 1);
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = TensorScope.Enter();
            x = F.InstanceNorm(_stem.Forward(x)).Relu();
            foreach (FeatureBlock block in _blocks)
                x = block.Forward(x);
            return scope.Keep(_out.Forward(x));
        }
    }

    private sealed class FeatureBlock : Module
    {
        private const int Narrowing = 4;
        private readonly Conv2d _conv1, _conv2, _conv3;
        private readonly Conv2d? _shortcut;

        public FeatureBlock(ParameterPath path, long inChannels, long channels, long stride) : base(path)
        {
            _conv1 = new Conv2d(path["conv1"], inChannels, channels / Narrowing, 1);
            _conv2 = new Conv2d(path["conv2"], channels / Narrowing, channels / Narrowing, 3, stride, 1);
            _conv3 = new Conv2d(path["conv3"], channels / Narrowing, channels, 1);
            _shortcut = stride == 1 ? null : new Conv2d(path["downsample"][0], inChannels, channels, 1, stride);
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = TensorScope.Enter();
            Tensor y = F.InstanceNorm(_conv1.Forward(x)).Relu();
            y = F.InstanceNorm(_conv2.Forward(y)).Relu();
            y = F.InstanceNorm(_conv3.Forward(y)).Relu();
            return scope.Keep(((_shortcut is null ? x : F.InstanceNorm(_shortcut.Forward(x))) + y).Relu());
        }
    }
}
