using Kinora.Models.Systems.CogVideoX;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.CogVideoX;

public sealed class PublishedCheckpointTests
{
    [Fact]
    public void Transformer_2B_HasThePublishedParameters()
    {
        CheckpointKeys.ShouldBeThoseOf("cogvideox-2b.transformer", path => new CogVideoXTransformer(path, CogVideoXTransformerConfig.TwoB));
        CheckpointKeys.Count("cogvideox-2b.transformer").ShouldBe(1_693_783_872);
    }

    [Fact]
    public void Transformer_5B_HasThePublishedParameters()
    {
        CheckpointKeys.ShouldBeThoseOf("cogvideox-5b.transformer", path => new CogVideoXTransformer(path, CogVideoXTransformerConfig.FiveB));
        CheckpointKeys.Count("cogvideox-5b.transformer").ShouldBe(5_570_283_072);
    }

    [Fact]
    public void Autoencoder_HasThePublishedParameters()
    {
        CheckpointKeys.ShouldBeThoseOf("cogvideox.vae", path => new CogVideoXAutoencoder(path, CogVideoXAutoencoderConfig.TwoB));
        CheckpointKeys.Count("cogvideox.vae").ShouldBe(215_583_907);
    }
}
