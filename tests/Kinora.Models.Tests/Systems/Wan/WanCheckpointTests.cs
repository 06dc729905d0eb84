using Kinora.Engine;
using Kinora.Models.Systems.Wan;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.Wan;

/// <summary>The networks at their published sizes have exactly the published parameters.</summary>
public sealed class WanCheckpointTests
{
    public static TheoryData<string, long> Transformers => new()
    {
        { "wan2.1-t2v-1.3b", 1_418_996_800 },
        { "wan2.1-t2v-14b", 14_288_491_584 },
        { "wan2.1-i2v-14b", 16_394_878_784 },
        { "wan2.2-i2v-a14b", 14_288_901_184 },
        { "wan2.2-ti2v-5b", 4_999_787_712 },
    };

    [Theory]
    [MemberData(nameof(Transformers))]
    public void Transformer_OfAPublishedSize_HasThePublishedParameters(string name, long count)
    {
        CheckpointKeys.ShouldBeThoseOf(name + ".transformer", path => new WanTransformer(path, Config(name)));
        CheckpointKeys.Count(name + ".transformer").ShouldBe(count);
    }

    [Fact]
    public void Transformer_OfFirstAndLastFrame_AddsPositionsOfImageTokens()
    {
        var root = ParameterPath.Root(new ShapeOnlyParameters());
        _ = new WanTransformer(root, WanTransformerConfig.FirstLastFrame14B);
        root.Store.TryGet("condition_embedder.image_embedder.pos_embed", out Tensor? positions).ShouldBeTrue();
        positions!.Shape.ShouldBe([1, 514, 1280]);
        root.Store.Dispose();
    }

    [Fact]
    public void Autoencoder_OfWan21_HasThePublishedParameters() =>
        CheckpointKeys.ShouldBeThoseOf("wan2.1.vae", path => new WanAutoencoder(path, WanAutoencoderConfig.Wan21));

    [Fact]
    public void Autoencoder_OfWan22_HasThePublishedParameters() =>
        CheckpointKeys.ShouldBeThoseOf("wan2.2.vae", path => new WanAutoencoder(path, WanAutoencoderConfig.Wan21 with
        {
            BaseDim = 160, DecoderBaseDim = 256, ZDim = 48, IsResidual = true, InChannels = 12, OutChannels = 12, PatchSize = 2, ScaleFactorSpatial = 16,
            LatentsMean = new double[48], LatentsStd = [.. Enumerable.Repeat(1.0, 48)],
        }));

    private static WanTransformerConfig Config(string name) => name switch
    {
        "wan2.1-t2v-1.3b" => WanTransformerConfig.TextToVideo1B,
        "wan2.1-t2v-14b" => WanTransformerConfig.TextToVideo14B,
        "wan2.1-i2v-14b" => WanTransformerConfig.ImageToVideo14B,
        "wan2.2-i2v-a14b" => WanTransformerConfig.ImageToVideoA14B,
        _ => WanTransformerConfig.TextImageToVideo5B,
    };
}
