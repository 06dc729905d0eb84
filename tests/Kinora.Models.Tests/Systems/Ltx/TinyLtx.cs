using Kinora.Models.Systems.Ltx;

namespace Kinora.Models.Tests.Systems.Ltx;

/// <summary>LTX-Video's networks with the fewest parameters that use every part.</summary>
internal static class TinyLtx
{
    public static LtxTransformerConfig Transformer { get; } = LtxTransformerConfig.Video2B with
    {
        InChannels = 6, OutChannels = 6, NumAttentionHeads = 2, AttentionHeadDim = 10, CrossAttentionDim = 20, NumLayers = 2, CaptionChannels = 8,
    };

    public static LtxAutoencoderConfig Autoencoder { get; } = LtxAutoencoderConfig.V095 with
    {
        LatentChannels = 4, BlockOutChannels = [4, 8, 8], DownBlockTypes = ["LTXVideo095DownBlock3D", "LTXVideo095DownBlock3D"], LayersPerBlock = [1, 1, 1],
        SpatioTemporalScaling = [true, true], DownsampleType = ["spatiotemporal", "spatiotemporal"], DecoderBlockOutChannels = [4, 8], DecoderLayersPerBlock = [1, 1, 1],
        DecoderSpatioTemporalScaling = [true, true], DecoderInjectNoise = [true, false, false], UpsampleResidual = [false, true], UpsampleFactor = [1, 2],
        PatchSize = 2, SpatialCompressionRatio = 8, TemporalCompressionRatio = 4,
    };
}
