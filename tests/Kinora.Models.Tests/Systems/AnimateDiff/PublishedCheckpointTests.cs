using Kinora.Models.Systems.AnimateDiff;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.AnimateDiff;

public sealed class PublishedCheckpointTests
{
    [Fact]
    public void MotionAdapter_Version1_HasThePublishedParameters()
    {
        CheckpointKeys.ShouldBeThoseOf("animatediff-v1.motion_adapter", path => new MotionAdapter(path, new MotionAdapterConfig { MotionMaxSeqLength = 24, UseMotionMidBlock = false }), buffers: true);
        CheckpointKeys.Count("animatediff-v1.motion_adapter").ShouldBe(417_137_600);
    }

    [Fact]
    public void MotionAdapter_Version2_HasThePublishedParameters()
    {
        CheckpointKeys.ShouldBeThoseOf("animatediff-v2.motion_adapter", path => new MotionAdapter(path, new MotionAdapterConfig()), buffers: true);
        CheckpointKeys.Count("animatediff-v2.motion_adapter").ShouldBe(453_209_280);
    }
}
