using Kinora.Engine;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.Wan;

// Encoder and decoder of Wan's autoencoder, in the form of 2.1 (stages in one flat list going down) and of 2.2 (stages with shortcuts
// that have no parameters). Layers and their numerics: WanCoderLayers.cs.

/// <summary>[B, F, H, W, C] → moments before the last pointwise convolution, [B, f, h, w, 2Z].</summary>
internal sealed class WanEncoder : Module
{
    private readonly WanCausalConv _convIn, _convOut;
    private readonly IWanCoderPart[] _down;
    private readonly WanMidBlock _mid;
    private readonly WanNorm _normOut;

    public WanEncoder(ParameterPath path, WanAutoencoderConfig config) : base(path)
    {
        int[] widths = [config.BaseDim, .. config.DimMult.Select(m => m * config.BaseDim)];
        _convIn = new WanCausalConv(path["conv_in"], config.InChannels, widths[0]);
        _down = config.IsResidual ? Stages(path["down_blocks"], widths, config) : FlatList(path["down_blocks"], widths, config);
        _mid = new WanMidBlock(path["mid_block"], widths[^1]);
        _normOut = new WanNorm(path["norm_out"], widths[^1], pictures: false);
        _convOut = new WanCausalConv(path["conv_out"], widths[^1], 2 * config.ZDim);
    }

    /// <param name="x">[B, F, H, W, C]</param>
    /// <param name="history">The clip's past.</param>
    /// <param name="positions">Of a strip; see <see cref="FeatureRows"/>.</param>
    public Tensor Forward(Tensor x, CausalHistory history, long positions)
    {
        using var scope = TensorScope.Enter();
        var h = _convIn.Forward(FeatureRows.Of(x, positions), history).Stored();
        foreach (var part in _down) h = part.Forward(h, history);
        h = _mid.Forward(h, history);
        return scope.Keep(_convOut.Forward(h.Map(_normOut.ForwardSilu), history).Stored().Rows());
    }

    private static IWanCoderPart[] FlatList(ParameterPath path, int[] widths, WanAutoencoderConfig config)
    {
        var parts = new List<IWanCoderPart>();
        for (var stage = 0; stage + 1 < widths.Length; stage++)
        {
            for (var i = 0; i < config.NumResBlocks; i++)
                parts.Add(new WanResidualBlock(path[parts.Count], i == 0 ? widths[stage] : widths[stage + 1], widths[stage + 1]));
            if (stage < config.TemperalDownsample.Count)
                parts.Add(new WanDownsample(path[parts.Count], widths[stage + 1], config.TemperalDownsample[stage]));
        }
        return [.. parts];
    }

    private static IWanCoderPart[] Stages(ParameterPath path, int[] widths, WanAutoencoderConfig config) =>
        [.. Enumerable.Range(0, widths.Length - 1).Select(i => new WanResidualDownBlock(path[i], widths[i], widths[i + 1], config.NumResBlocks,
            down: i < config.TemperalDownsample.Count, downTime: i < config.TemperalDownsample.Count && config.TemperalDownsample[i]))];
}

/// <summary>[B, f, h, w, Z] → [B, F, H, W, C].</summary>
internal sealed class WanDecoder : Module
{
    private readonly WanCausalConv _convIn, _convOut;
    private readonly WanMidBlock _mid;
    private readonly IWanCoderPart[] _up;
    private readonly WanNorm _normOut;

    public WanDecoder(ParameterPath path, WanAutoencoderConfig config) : base(path)
    {
        int[] widths = Widths(config);
        bool[] upTime = [.. config.TemperalDownsample.Reverse()];
        _convIn = new WanCausalConv(path["conv_in"], config.ZDim, widths[0]);
        _mid = new WanMidBlock(path["mid_block"], widths[0]);
        _up = [.. Enumerable.Range(0, widths.Length - 1).Select(i => config.IsResidual
            ? new WanResidualUpBlock(path["up_blocks"][i], widths[i], widths[i + 1], config.NumResBlocks, up: i < upTime.Length, upTime: i < upTime.Length && upTime[i])
            // Every expansion of 2.1 halves the width that the next stage starts with.
            : (IWanCoderPart)new WanUpBlock(path["up_blocks"][i], i == 0 ? widths[i] : widths[i] / 2, widths[i + 1], config.NumResBlocks, up: i < upTime.Length, upTime: i < upTime.Length && upTime[i]))];
        _normOut = new WanNorm(path["norm_out"], widths[^1], pictures: false);
        _convOut = new WanCausalConv(path["conv_out"], widths[^1], config.OutChannels);
    }

    /// <param name="z">[B, f, h, w, Z]</param>
    /// <param name="history">The clip's past.</param>
    /// <param name="positions">Of a strip; see <see cref="FeatureRows"/>.</param>
    public Tensor Forward(Tensor z, CausalHistory history, long positions)
    {
        using var scope = TensorScope.Enter();
        var h = _mid.Forward(_convIn.Forward(FeatureRows.Of(z, positions), history).Stored(), history);
        foreach (var part in _up) h = part.Forward(h, history);
        return scope.Keep(_convOut.Forward(h.Map(_normOut.ForwardSilu), history).Stored().Rows());
    }

    public static double Flops(WanAutoencoderConfig config, long frames, long height, long width)
    {
        const double Volume = 2 * 27, Picture = 2 * 9, Line = 2 * 3;
        int[] widths = Widths(config);
        double At(double perPosition) => frames * (double)height * width * perPosition;
        double total = At(Volume * widths[0] * (config.ZDim + 4.0 * widths[0]));
        for (var i = 0; i + 1 < widths.Length; i++)
        {
            double c = widths[i + 1], first = config.IsResidual || i == 0 ? widths[i] : widths[i] / 2;
            total += At(Volume * (first * c + (2 * config.NumResBlocks + 1) * c * c));
            if (i >= config.TemperalDownsample.Count) continue;
            if (config.TemperalDownsample[^(i + 1)])
            {
                total += At(Line * c * 2 * c);
                frames = 1 + 2 * (frames - 1);
            }
            (height, width) = (2 * height, 2 * width);
            total += At(Picture * c * (config.IsResidual ? c : c / 2));
        }
        return total + At(Volume * widths[^1] * config.OutChannels);
    }

    /// <summary>Bytes of the two frames that every convolution over time remembers.</summary>
    public static long HistoryBytes(WanAutoencoderConfig config, long height, long width, DType type)
    {
        const int Frames = 2;
        int[] widths = Widths(config);
        long channels = height * width * (config.ZDim + 4L * widths[0]);                         // conv_in and the middle's four
        for (var i = 0; i + 1 < widths.Length; i++)
        {
            long c = widths[i + 1], first = config.IsResidual || i == 0 ? widths[i] : widths[i] / 2;
            bool overTime = i < config.TemperalDownsample.Count && config.TemperalDownsample[^(i + 1)];
            channels += height * width * (first + (2 * config.NumResBlocks + 1) * c + (overTime ? c : 0));
            if (i < config.TemperalDownsample.Count) (height, width) = (2 * height, 2 * width);
        }
        return Frames * type.ItemSize() * (channels + height * width * widths[^1]);              // and conv_out
    }

    // From the latents to the pixels.
    private static int[] Widths(WanAutoencoderConfig config) => [config.DimMult[^1] * config.DecoderDim, .. config.DimMult.Reverse().Select(m => m * config.DecoderDim)];
}

/// <summary>Residual block, attention over each frame, residual block.</summary>
internal sealed class WanMidBlock : Module, IWanCoderPart
{
    private readonly WanResidualBlock _first, _second;
    private readonly WanFrameAttention _attention;

    public WanMidBlock(ParameterPath path, int width) : base(path)
    {
        _first = new WanResidualBlock(path["resnets"][0], width, width);
        _attention = new WanFrameAttention(path["attentions"][0], width);
        _second = new WanResidualBlock(path["resnets"][1], width, width);
    }

    public FeatureRows Forward(FeatureRows x, CausalHistory history) => _second.Forward(_first.Forward(x, history).Replaced(_attention.Forward), history);
}

/// <summary>A decoder stage of 2.1: residual blocks, then an expansion that halves the width.</summary>
internal sealed class WanUpBlock : Module, IWanCoderPart
{
    private readonly WanResidualBlock[] _blocks;
    private readonly WanUpsample? _upsample;

    public WanUpBlock(ParameterPath path, int inWidth, int width, int numResBlocks, bool up, bool upTime) : base(path)
    {
        _blocks = [.. Enumerable.Range(0, numResBlocks + 1).Select(i => new WanResidualBlock(path["resnets"][i], i == 0 ? inWidth : width, width))];
        _upsample = up ? new WanUpsample(path["upsamplers"][0], width, width / 2, upTime) : null;
    }

    public FeatureRows Forward(FeatureRows x, CausalHistory history)
    {
        foreach (var block in _blocks) x = block.Forward(x, history);
        return _upsample?.Forward(x, history) ?? x;
    }
}

/// <summary>An encoder stage of 2.2: residual blocks and a reduction, beside them averages over blocks of positions and channels.</summary>
internal sealed class WanResidualDownBlock : Module, IWanCoderPart
{
    private readonly int _width, _timeFactor, _spaceFactor;
    private readonly WanResidualBlock[] _blocks;
    private readonly WanDownsample? _downsample;

    public WanResidualDownBlock(ParameterPath path, int inWidth, int width, int numResBlocks, bool down, bool downTime) : base(path)
    {
        (_width, _timeFactor, _spaceFactor) = (width, downTime ? 2 : 1, down ? 2 : 1);
        _blocks = [.. Enumerable.Range(0, numResBlocks).Select(i => new WanResidualBlock(path["resnets"][i], i == 0 ? inWidth : width, width))];
        _downsample = down ? new WanDownsample(path["downsampler"], width, downTime) : null;
    }

    public FeatureRows Forward(FeatureRows x, CausalHistory history)
    {
        var average = x.Folded(_spaceFactor, Average).Stored();
        foreach (var block in _blocks) x = block.Forward(x, history);
        if (_downsample is not null) x = _downsample.Forward(x, history);
        var sum = average.Plus(x).StoredOver(x);
        average.Free();
        return sum;
    }

    // Channels and the positions of a block, in the order (channel, frame, row, column), averaged in groups until `width` remain.
    // The first part of a clip has an odd number of frames: zeros stand before the first.
    private Tensor Average(Tensor x)                                                             // [B, F, H, W, C]
    {
        using var scope = TensorScope.Enter();
        var (_, f, _, _, _) = x.Dims5();
        int t = _timeFactor, s = _spaceFactor;
        if (f % t != 0) x = F.Pad(x, [0, 0, 0, 0, 0, 0, t - f % t, 0]);
        var (b, frames, height, width, c) = x.Dims5();
        var blocks = x.Reshape(b, frames / t, t, height / s, s, width / s, s, c).Permute(0, 1, 3, 5, 7, 2, 4, 6); // [B, f, h, w, C, t, s, s]
        var groups = blocks.Reshape(b, frames / t, height / s, width / s, _width, c * t * s * s / _width);
        return scope.Keep(groups.To(DType.Float32).Mean([-1]).To(x.DType));
    }
}

/// <summary>A decoder stage of 2.2: residual blocks and an expansion, beside them copies of the channels.</summary>
internal sealed class WanResidualUpBlock : Module, IWanCoderPart
{
    private const int Space = 2;
    private readonly int _width, _timeFactor;
    private readonly WanResidualBlock[] _blocks;
    private readonly WanUpsample? _upsample;

    public WanResidualUpBlock(ParameterPath path, int inWidth, int width, int numResBlocks, bool up, bool upTime) : base(path)
    {
        (_width, _timeFactor) = (width, upTime ? 2 : 1);
        _blocks = [.. Enumerable.Range(0, numResBlocks + 1).Select(i => new WanResidualBlock(path["resnets"][i], i == 0 ? inWidth : width, width))];
        _upsample = up ? new WanUpsample(path["upsampler"], width, width, upTime) : null;
    }

    public FeatureRows Forward(FeatureRows x, CausalHistory history)
    {
        if (_upsample is null)
        {
            foreach (var block in _blocks) x = block.Forward(x, history);
            return x;
        }
        x = x.InMemory();
        var h = x.Shared();
        foreach (var block in _blocks) h = block.Forward(h, history);
        bool firstPart = history.IsFirstPart;
        return x.Unfolded(Space, rows => Copies(rows, firstPart)).Plus(_upsample.Forward(h, history));
    }

    // Every channel stands several times, then channels become the frames, rows and columns of a block. Of the clip's first block of
    // frames the last alone is used.
    private Tensor Copies(Tensor x, bool firstPart)                                              // [B, F, H, W, C]
    {
        using var scope = TensorScope.Enter();
        var (b, f, h, w, c) = x.Dims5();
        int t = _timeFactor;
        var repeated = x.RepeatInterleave(_width * t * Space * Space / c, 4).Reshape(b, f, h, w, _width, t, Space, Space);
        var y = repeated.Permute(0, 1, 5, 2, 6, 3, 7, 4).Reshape(b, f * t, h * Space, w * Space, _width);
        return scope.Keep(firstPart ? y.Narrow(1, t - 1, f * t - (t - 1)) : y);
    }
}
