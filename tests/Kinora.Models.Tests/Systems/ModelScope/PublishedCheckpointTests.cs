using Kinora.Models.Systems.ModelScope;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.ModelScope;

public sealed class PublishedCheckpointTests
{
    [Fact]
    public void UNet_ModelScope_HasThePublishedParameters()
    {
        CheckpointKeys.ShouldBeThoseOf("modelscope-t2v.unet", path => new UNet3D(path, new UNet3DConfig()));
        CheckpointKeys.Count("modelscope-t2v.unet").ShouldBe(1_411_233_860);
    }
}
