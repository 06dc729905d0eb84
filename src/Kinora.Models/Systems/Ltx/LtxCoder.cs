using Kinora.Engine;
using Kinora.Engine.Random;

namespace Kinora.Models.Systems.Ltx;

// Encoder and decoder of LTX-Video's autoencoder. Layers and their numerics: LtxCoderLayers.cs.

/// <summary>[B, F, H, W, 3] → means and the log variance, [B, f, h, w, Z + 1].</summary>
internal sealed class LtxEncoder : Module
{
    private readonly int _patch;
    private readonly LtxConv _convIn, _convOut;
    private readonly LtxDownBlock[] _down;
    private readonly LtxMidBlock _mid;

    public LtxEncoder(ParameterPath path, LtxAutoencoderConfig config) : base(path)
    {
        var widths = config.BlockOutChannels;
        _patch = config.PatchSize;
        _convIn = new LtxConv(path["conv_in"], config.InChannels * _patch * _patch, widths[0], config.EncoderCausal);
        // From 0.9.5 the last width is that of the middle; before, the last stage keeps its own.
        _down = [.. Enumerable.Range(0, config.DownBlockTypes.Count).Select(i => new LtxDownBlock(path["down_blocks"][i], widths[i], widths[Math.Min(i + 1, widths.Count - 1)],
            config.LayersPerBlock[i], config.SpatioTemporalScaling[i] ? config.DownsampleType[i] : null, config))];
        _mid = new LtxMidBlock(path["mid_block"], widths[^1], config.LayersPerBlock[^1], config.ResnetNormEps, config.EncoderCausal, injectNoise: false, timed: false);
        _convOut = new LtxConv(path["conv_out"], widths[^1], config.LatentChannels + 1, config.EncoderCausal);
    }

    public Tensor Forward(Tensor x)
    {
        using var scope = TensorScope.Enter();
        using var stream = LtxStream.Whole();
        var h = _convIn.Forward(LtxFolding.FoldPatches(x, _patch), stream);
        foreach (var block in _down) TensorScope.Replace(ref h, block.Forward(h, stream));
        h = _mid.Forward(h, null, null, stream);
        return scope.Keep(_convOut.Forward(F.Silu(LtxResidualBlock.Norm(h)), stream));
    }
}

/// <summary>[B, f, h, w, Z] → [B, F, H, W, 3].</summary>
internal sealed class LtxDecoder : Module
{
    private readonly int _patch;
    private readonly LtxConv _convIn, _convOut;
    private readonly LtxMidBlock _mid;
    private readonly LtxUpBlock[] _up;
    private readonly Tensor? _timestepScale, _scaleShiftTable;
    private readonly LtxTimestep? _timeEmbedder;

    public LtxDecoder(ParameterPath path, LtxAutoencoderConfig config) : base(path)
    {
        int[] widths = [.. config.DecoderBlockOutChannels.Reverse()], layers = [.. config.DecoderLayersPerBlock.Reverse()], factors = [.. config.UpsampleFactor.Reverse()];
        bool[] scaling = [.. config.DecoderSpatioTemporalScaling.Reverse()], injectNoise = [.. config.DecoderInjectNoise.Reverse()], residual = [.. config.UpsampleResidual.Reverse()];
        bool causal = config.DecoderCausal, timed = config.TimestepConditioning;
        _patch = config.PatchSize;
        _convIn = new LtxConv(path["conv_in"], config.LatentChannels, widths[0], causal);
        _mid = new LtxMidBlock(path["mid_block"], widths[0], layers[0], config.ResnetNormEps, causal, injectNoise[0], timed);
        _up = new LtxUpBlock[widths.Length];
        var width = widths[0];
        for (var i = 0; i < _up.Length; i++)
        {
            var (inWidth, outWidth) = (width / factors[i], widths[i] / factors[i]);
            _up[i] = new LtxUpBlock(path["up_blocks"][i], inWidth, outWidth, layers[i + 1], scaling[i] ? factors[i] : null, residual[i], injectNoise[i + 1], config);
            width = outWidth;
        }
        _convOut = new LtxConv(path["conv_out"], width, config.OutChannels * _patch * _patch, causal);
        if (!timed) return;
        const double TimestepScale = 1000;
        _timestepScale = path.Create("timestep_scale_multiplier", [], Init.Constant(TimestepScale), DType.Float32);
        _timeEmbedder = new LtxTimestep(path["time_embedder"]["timestep_embedder"], 2 * width);
        _scaleShiftTable = path.Create("scale_shift_table", [2, width], Init.Normal(1 / Math.Sqrt(width)), DType.Float32);
    }

    /// <summary>Bytes of the frames that layers hold back between parts: two for every convolution and for every block beside its convolutions.</summary>
    public static long HeldBytes(LtxAutoencoderConfig config, long height, long width, DType type)
    {
        const int Frames = 2, PerBlock = 3;
        int[] widths = [.. config.DecoderBlockOutChannels.Reverse()], layers = [.. config.DecoderLayersPerBlock.Reverse()], factors = [.. config.UpsampleFactor.Reverse()];
        bool[] scaling = [.. config.DecoderSpatioTemporalScaling.Reverse()];
        long channels = height * width * (config.LatentChannels + PerBlock * layers[0] * (long)widths[0]);
        for (var i = 0; i < widths.Length; i++)
        {
            long c = widths[i] / factors[i];
            if (scaling[i])
            {
                channels += height * width * 2 * c * factors[i];
                (height, width) = (2 * height, 2 * width);
            }
            channels += height * width * PerBlock * layers[i + 1] * c;
        }
        return Frames * type.ItemSize() * channels;
    }

    /// <param name="z">[B, f, h, w, Z], consecutive parts of a clip one after the other.</param>
    /// <param name="timestep">The noise level, [B].</param>
    /// <param name="noise">Where injected noise comes from.</param>
    /// <param name="stream">What the parts before left; says whether this is the last.</param>
    public Tensor Forward(Tensor z, Tensor? timestep, Generator? noise, LtxStream stream)
    {
        using var scope = TensorScope.Enter();
        var h = _convIn.Forward(z, stream);
        var t = timestep is null ? null : timestep.To(DType.Float32) * _timestepScale!;          // [B]
        TensorScope.Replace(ref h, _mid.Forward(h, t, noise, stream));
        foreach (var block in _up)
        {
            EngineRuntime.TrimHostMemory();                                                     // freed maps serve others of their size alone
            TensorScope.Replace(ref h, block.Forward(h, t, noise, stream));
        }
        TensorScope.Replace(ref h, LtxResidualBlock.Norm(h));
        if (t is not null)
        {
            var table = _timeEmbedder!.Forward(t).View(t.Size(0), 2, -1) + _scaleShiftTable!;    // [B, 2, C]
            h = LtxResidualBlock.Modulate(h, table.Select(1, 0), table.Select(1, 1));
        }
        return scope.Keep(LtxFolding.UnfoldPatches(_convOut.Forward(F.Silu(h), stream), _patch));
    }
}

/// <summary>Residual blocks, with a time embedding of their own where the decoder takes a noise level.</summary>
internal sealed class LtxMidBlock : Module
{
    private readonly LtxTimestep? _timeEmbedder;
    private readonly LtxResidualBlock[] _blocks;

    public LtxMidBlock(ParameterPath path, int width, int layers, double normEps, bool causal, bool injectNoise, bool timed) : base(path)
    {
        _timeEmbedder = timed ? new LtxTimestep(path["time_embedder"]["timestep_embedder"], LtxResidualBlock.TableRows * width) : null;
        _blocks = [.. Enumerable.Range(0, layers).Select(i => new LtxResidualBlock(path["resnets"][i], width, width, normEps, causal, injectNoise, timed))];
    }

    public Tensor Forward(Tensor x, Tensor? timestep, Generator? noise, LtxStream stream)        // [B, F, H, W, C], [B]
    {
        using var scope = TensorScope.Enter();
        var temb = timestep is null ? null : _timeEmbedder?.Forward(timestep);                   // [B, 4C]
        return scope.Keep(LtxResidualBlock.Forward(_blocks, x, temb, noise, stream));
    }
}

/// <summary>An encoder stage: residual blocks, a reduction, and in 0.9.0 a block that changes the width.</summary>
internal sealed class LtxDownBlock : Module
{
    private readonly LtxResidualBlock[] _blocks;
    private readonly LtxConv? _strided;
    private readonly LtxFoldingDownsample? _folding;
    private readonly LtxResidualBlock? _convOut;

    public LtxDownBlock(ParameterPath path, int width, int outWidth, int layers, string? reduction, LtxAutoencoderConfig config) : base(path)
    {
        bool causal = config.EncoderCausal;
        _blocks = [.. Enumerable.Range(0, layers).Select(i => new LtxResidualBlock(path["resnets"][i], width, width, config.ResnetNormEps, causal, injectNoise: false, timed: false))];
        var downsampler = path["downsamplers"][0];
        switch (reduction)
        {
            case null: break;
            case "spatial": _folding = new LtxFoldingDownsample(downsampler, width, outWidth, 1, 2, causal); break;
            case "temporal": _folding = new LtxFoldingDownsample(downsampler, width, outWidth, 2, 1, causal); break;
            case "spatiotemporal": _folding = new LtxFoldingDownsample(downsampler, width, outWidth, 2, 2, causal); break;
            default: _strided = new LtxConv(downsampler, width, width, causal, stride: 2); break;
        }
        if (!config.FoldsDown && width != outWidth)
            _convOut = new LtxResidualBlock(path["conv_out"], width, outWidth, config.ResnetNormEps, causal, injectNoise: false, timed: false);
    }

    public Tensor Forward(Tensor x, LtxStream stream)
    {
        using var scope = TensorScope.Enter();
        var h = LtxResidualBlock.Forward(_blocks, x, null, null, stream);
        if (_strided is not null) TensorScope.Replace(ref h, _strided.Forward(h, stream));
        if (_folding is not null) TensorScope.Replace(ref h, _folding.Forward(h, stream));
        if (_convOut is not null) TensorScope.Replace(ref h, _convOut.Forward(h, null, null, stream));
        return scope.Keep(h);
    }
}

/// <summary>A decoder stage: a block that changes the width, an expansion, residual blocks.</summary>
internal sealed class LtxUpBlock : Module
{
    private readonly LtxTimestep? _timeEmbedder;
    private readonly LtxResidualBlock? _convIn;
    private readonly LtxUnfoldingUpsample? _upsample;
    private readonly LtxResidualBlock[] _blocks;

    public LtxUpBlock(ParameterPath path, int inWidth, int width, int layers, int? expansionFactor, bool residual, bool injectNoise, LtxAutoencoderConfig config) : base(path)
    {
        bool causal = config.DecoderCausal, timed = config.TimestepConditioning;
        _timeEmbedder = timed ? new LtxTimestep(path["time_embedder"]["timestep_embedder"], LtxResidualBlock.TableRows * inWidth) : null;
        _convIn = inWidth == width ? null : new LtxResidualBlock(path["conv_in"], inWidth, width, config.ResnetNormEps, causal, injectNoise, timed);
        _upsample = expansionFactor is { } factor ? new LtxUnfoldingUpsample(path["upsamplers"][0], width * factor, factor, residual, causal) : null;
        _blocks = [.. Enumerable.Range(0, layers).Select(i => new LtxResidualBlock(path["resnets"][i], width, width, config.ResnetNormEps, causal, injectNoise, timed))];
    }

    public Tensor Forward(Tensor x, Tensor? timestep, Generator? noise, LtxStream stream)
    {
        using var scope = TensorScope.Enter();
        var temb = timestep is null ? null : _timeEmbedder?.Forward(timestep);                   // [B, 4C]
        var h = _convIn is null ? x.Alias() : _convIn.Forward(x, temb, noise, stream);
        if (_upsample is not null) TensorScope.Replace(ref h, _upsample.Forward(h, stream));
        return scope.Keep(LtxResidualBlock.Forward(_blocks, h, temb, noise, stream));
    }
}
