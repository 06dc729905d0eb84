using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.StableDiffusion;

public sealed class PublishedCheckpointTests
{
    private static readonly string[] Down = ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"];
    private static readonly string[] Up = ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"];

    [Fact]
    public void UNet_StableDiffusion15_HasThePublishedParameters()
    {
        CheckpointKeys.ShouldBeThoseOf("sd15.unet", path => new UNet2DCondition(path, new UNet2DConditionConfig { CrossAttentionDim = [768] }));
        CheckpointKeys.Count("sd15.unet").ShouldBe(859_520_964);
    }

    [Fact]
    public void UNet_StableDiffusion21_HasThePublishedParameters() =>
        CheckpointKeys.ShouldBeThoseOf("sd21.unet", path => new UNet2DCondition(path, new UNet2DConditionConfig
        {
            CrossAttentionDim = [1024], AttentionHeadDim = [5, 10, 20, 20], UseLinearProjection = true,
        }));

    [Theory]
    [InlineData("sd.vae", 4)]
    [InlineData("emu-like-8ch.vae", 8)]
    public void Autoencoder_StableDiffusion_HasThePublishedParameters(string manifest, int latentChannels) =>
        CheckpointKeys.ShouldBeThoseOf(manifest, path => new AutoencoderKl(path, new AutoencoderKlConfig
        {
            BlockOutChannels = [128, 256, 512, 512], LayersPerBlock = 2, DownBlockTypes = Down, UpBlockTypes = Up, LatentChannels = latentChannels,
        }));
}
