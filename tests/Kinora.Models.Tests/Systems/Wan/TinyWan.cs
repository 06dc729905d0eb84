using Kinora.Models.Systems.Wan;

namespace Kinora.Models.Tests.Systems.Wan;

/// <summary>Wan's networks with the fewest parameters that use every part.</summary>
internal static class TinyWan
{
    public static WanTransformerConfig Transformer { get; } = WanTransformerConfig.TextToVideo1B with
    {
        NumAttentionHeads = 2, AttentionHeadDim = 12, InChannels = 9, OutChannels = 4, TextDim = 10, FreqDim = 16, FfnDim = 20, NumLayers = 2,
        ImageDim = 6, AddedKvProjDim = 24, PosEmbedSeqLen = 4,
    };

    public static WanAutoencoderConfig Autoencoder { get; } = WanAutoencoderConfig.Wan21 with
    {
        BaseDim = 4, ZDim = 4, DimMult = [1, 2, 2], NumResBlocks = 1, TemperalDownsample = [false, true], ScaleFactorTemporal = 2, ScaleFactorSpatial = 4,
        LatentsMean = [0.1, -0.2, 0.3, 0], LatentsStd = [1.5, 0.5, 2, 1],
    };

    public static WanAutoencoderConfig ResidualAutoencoder { get; } = Autoencoder with
    {
        DecoderBaseDim = 6, IsResidual = true, InChannels = 12, OutChannels = 12, PatchSize = 2, ScaleFactorSpatial = 8, TemperalDownsample = [true, true], ScaleFactorTemporal = 4,
    };
}
