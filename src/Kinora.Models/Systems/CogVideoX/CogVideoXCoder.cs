using Kinora.Engine;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.CogVideoX;

// The two halves of CogVideoX's autoencoder; sources, shapes and numerics as in CogVideoXCoderLayers.

/// <summary>Clips to moments.</summary>
internal sealed class CogVideoXEncoder : Module
{
    private const double NormOutEps = 1e-6;
    private const int MidLayers = 2;
    private readonly CausalConv3d _convIn, _convOut;
    private readonly CogVideoXResidualBlock[][] _stages;
    private readonly CogVideoXDownsample[] _downsamplers;
    private readonly CogVideoXResidualBlock[] _mid;
    private readonly CogVideoXGroupNorm _normOut;

    public CogVideoXEncoder(ParameterPath path, CogVideoXAutoencoderConfig config) : base(path)
    {
        var widths = config.BlockOutChannels;
        _convIn = new CausalConv3d(path["conv_in"]["conv"], config.InChannels, widths[0]);
        _stages = new CogVideoXResidualBlock[widths.Count][];
        _downsamplers = new CogVideoXDownsample[widths.Count - 1];
        for (var i = 0; i < widths.Count; i++)
        {
            var block = path["down_blocks"][i];
            int from = widths[Math.Max(0, i - 1)], to = widths[i];
            _stages[i] = [.. Enumerable.Range(0, config.LayersPerBlock).Select(j => new CogVideoXResidualBlock(block["resnets"][j], j == 0 ? from : to, to, config, readsLatents: false))];
            if (i < _downsamplers.Length) _downsamplers[i] = new CogVideoXDownsample(block["downsamplers"][0], to, halvesFrames: i < config.TemporalStages);
        }
        _mid = [.. Enumerable.Range(0, MidLayers).Select(j => new CogVideoXResidualBlock(path["mid_block"]["resnets"][j], widths[^1], widths[^1], config, readsLatents: false))];
        _normOut = new CogVideoXGroupNorm(path["norm_out"], config.NormNumGroups, widths[^1], NormOutEps);
        _convOut = new CausalConv3d(path["conv_out"]["conv"], widths[^1], 2 * config.LatentChannels);
    }

    /// <param name="x">[B, F, H, W, C]</param>
    /// <param name="history">The clip's past.</param>
    /// <param name="positions">Of a strip; see <see cref="FeatureRows"/>.</param>
    public Tensor Forward(Tensor x, CausalHistory history, long positions)
    {
        using var scope = TensorScope.Enter();
        var h = _convIn.Forward(FeatureRows.Of(x, positions), history).Stored();
        for (var i = 0; i < _stages.Length; i++)
        {
            foreach (var block in _stages[i]) h = block.Forward(h, null, history);
            if (i < _downsamplers.Length) h = h.Halved(_downsamplers[i].Forward).InMemory();
        }
        foreach (var block in _mid) h = block.Forward(h, null, history);
        var norm = _normOut.Over(h);
        return scope.Keep(_convOut.Forward(h.Map(CogVideoXResidualBlock.Silu((rows, _) => norm(rows))), history).Stored().Rows()); // [B, f, h, w, 2Z]
    }
}

/// <summary>Latents to clips.</summary>
internal sealed class CogVideoXDecoder : Module
{
    private const int MidLayers = 2;
    private readonly CausalConv3d _convIn, _convOut;
    private readonly CogVideoXResidualBlock[] _mid;
    private readonly CogVideoXResidualBlock[][] _stages;
    private readonly CogVideoXUpsample[] _upsamplers;
    private readonly CogVideoXSpatialNorm _normOut;

    public CogVideoXDecoder(ParameterPath path, CogVideoXAutoencoderConfig config) : base(path)
    {
        int[] widths = [.. config.BlockOutChannels.Reverse()];
        _convIn = new CausalConv3d(path["conv_in"]["conv"], config.LatentChannels, widths[0]);
        _mid = [.. Enumerable.Range(0, MidLayers).Select(j => new CogVideoXResidualBlock(path["mid_block"]["resnets"][j], widths[0], widths[0], config, readsLatents: true))];
        _stages = new CogVideoXResidualBlock[widths.Length][];
        _upsamplers = new CogVideoXUpsample[widths.Length - 1];
        for (var i = 0; i < widths.Length; i++)
        {
            var block = path["up_blocks"][i];
            int from = widths[Math.Max(0, i - 1)], to = widths[i];
            _stages[i] = [.. Enumerable.Range(0, config.LayersPerBlock + 1).Select(j => new CogVideoXResidualBlock(block["resnets"][j], j == 0 ? from : to, to, config, readsLatents: true))];
            if (i < _upsamplers.Length) _upsamplers[i] = new CogVideoXUpsample(block["upsamplers"][0], to, doublesFrames: i < config.TemporalStages);
        }
        _normOut = new CogVideoXSpatialNorm(path["norm_out"], widths[^1], config.LatentChannels, config.NormNumGroups);
        _convOut = new CausalConv3d(path["conv_out"]["conv"], widths[^1], config.OutChannels);
    }

    /// <param name="z">[B, f, h, w, Z]</param>
    /// <param name="history">The clip's past.</param>
    /// <param name="positions">Of a strip; see <see cref="FeatureRows"/>.</param>
    public Tensor Forward(Tensor z, CausalHistory history, long positions)
    {
        using var scope = TensorScope.Enter();
        var h = _convIn.Forward(FeatureRows.Of(z, positions), history).Stored();
        foreach (var block in _mid) h = block.Forward(h, z, history);
        for (var i = 0; i < _stages.Length; i++)
        {
            // Freed maps serve others of their size alone: those of the stage and of the part before would stay unused.
            EngineRuntime.TrimHostMemory();
            foreach (var block in _stages[i]) h = block.Forward(h, z, history);
            if (i == _upsamplers.Length) continue;
            h = h.Doubled(_upsamplers[i].Forward);
            if (i < _upsamplers.Length - 1) h = h.InMemory();                                    // the widest map, that of the last doubling, is never held
        }
        return scope.Keep(_convOut.Forward(h.Map(CogVideoXResidualBlock.Silu(_normOut.Over(h, z))), history).Stored().Rows()); // [B, F, H, W, 3]
    }
}
