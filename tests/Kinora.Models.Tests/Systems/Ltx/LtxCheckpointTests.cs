using Kinora.Models.Systems.Ltx;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.Ltx;

/// <summary>The networks at their published sizes have exactly the published parameters.</summary>
public sealed class LtxCheckpointTests
{
    [Fact]
    public void Transformer_Of2B_HasThePublishedParameters()
    {
        CheckpointKeys.ShouldBeThoseOf("ltx-2b.transformer", path => new LtxTransformer(path, LtxTransformerConfig.Video2B));
        CheckpointKeys.Count("ltx-2b.transformer").ShouldBe(1_923_385_472);
    }

    [Fact]
    public void Transformer_Of13B_HasThePublishedParameters()
    {
        CheckpointKeys.ShouldBeThoseOf("ltx-13b.transformer", path => new LtxTransformer(path, LtxTransformerConfig.Video13B));
        CheckpointKeys.Count("ltx-13b.transformer").ShouldBe(13_042_569_344);
    }

    [Theory]
    [InlineData("0.9.0")]
    [InlineData("0.9.1")]
    [InlineData("0.9.5")]
    public void Autoencoder_OfAVersion_HasThePublishedParameters(string version) =>
        CheckpointKeys.ShouldBeThoseOf($"ltx-{version}.vae", path => new LtxAutoencoder(path, version switch
        {
            "0.9.0" => LtxAutoencoderConfig.V090,
            "0.9.1" => LtxAutoencoderConfig.V091,
            _ => LtxAutoencoderConfig.V095,
        }), buffers: true);
}
