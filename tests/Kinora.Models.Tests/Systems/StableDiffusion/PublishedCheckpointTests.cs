using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.StableDiffusion;

public sealed class PublishedCheckpointTests
{
    [Fact]
    public void UNet_StableDiffusion15_HasThePublishedParameters()
    {
        CheckpointKeys.ShouldBeThoseOf("sd15.unet", path => new UNet2DCondition(path, UNet2DConditionConfig.StableDiffusion15));
        CheckpointKeys.Count("sd15.unet").ShouldBe(859_520_964);
    }

    [Fact]
    public void UNet_StableDiffusion21_HasThePublishedParameters() =>
        CheckpointKeys.ShouldBeThoseOf("sd21.unet", path => new UNet2DCondition(path, UNet2DConditionConfig.StableDiffusion21));

    [Theory]
    [InlineData("sd.vae", 4)]
    [InlineData("emu-like-8ch.vae", 8)]
    public void Autoencoder_StableDiffusion_HasThePublishedParameters(string manifest, int latentChannels) =>
        CheckpointKeys.ShouldBeThoseOf(manifest, path => new AutoencoderKl(path, AutoencoderKlConfig.StableDiffusion with { LatentChannels = latentChannels }));
}
