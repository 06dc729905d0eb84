using Kinora.Models.Systems.StableVideoDiffusion;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.StableVideoDiffusion;

public sealed class PublishedCheckpointTests
{
    [Fact]
    public void UNet_StableVideoDiffusion_HasThePublishedParameters()
    {
        CheckpointKeys.ShouldBeThoseOf("svd.unet", path => new UNetSpatioTemporal(path, new UNetSpatioTemporalConfig()));
        CheckpointKeys.Count("svd.unet").ShouldBe(1_524_623_082);
    }

    [Fact]
    public void Autoencoder_StableVideoDiffusion_HasThePublishedParameters()
    {
        CheckpointKeys.ShouldBeThoseOf("svd.vae", path => new TemporalAutoencoder(path, new TemporalAutoencoderConfig
        {
            BlockOutChannels = [128, 256, 512, 512], LayersPerBlock = 2, DownBlockTypes = ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
        }));
        CheckpointKeys.Count("svd.vae").ShouldBe(97_742_847);
    }
}
