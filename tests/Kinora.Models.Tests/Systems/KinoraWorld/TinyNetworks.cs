using Kinora.Models.Systems.KinoraWorld;

namespace Kinora.Models.Tests.Systems.KinoraWorld;

/// <summary>The real networks at sizes that run in milliseconds.</summary>
internal static class TinyNetworks
{
    public static VideoAutoencoderConfig Autoencoder { get; } = VideoAutoencoderConfig.Create([8, 16, 16], [1, 1, 1], [1, 1, 1], 8);

    public static VideoTransformerConfig Transformer { get; } = VideoTransformerConfig.Small with
    {
        InChannels = 8, LatentStd = [1, 0.5, 1.5, 0.25, 1, 1, 0.75, 0.125], NumLayers = 2, NumAttentionHeads = 2, AttentionHeadDim = 32, CaptionChannels = 24, CrossAttentionDim = 40, FreqDim = 32,
    };

    public static TextEncoderConfig TextEncoder { get; } = TextEncoderConfig.Small(50) with { HiddenSize = 64, IntermediateSize = 96, NumHiddenLayers = 2, NumAttentionHeads = 2, MaxPositionEmbeddings = 16 };
}
