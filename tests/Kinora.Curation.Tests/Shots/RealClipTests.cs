// Cut lists of real clips by PySceneDetect 0.7.1 with its PyAV back-end and default settings.
using Kinora.Curation.Shots;

namespace Kinora.Curation.Tests.Shots;

public sealed class RealClipTests
{
    [Theory]
    [InlineData("test_clip_10s.mp4", "content", new long[] { 214 })]
    [InlineData("test_clip_10s.mp4", "adaptive", new long[] { 214 })]
    [InlineData("test_clip_10s.mp4", "histogram", new long[] { 97 })]
    [InlineData("test_clip_10s.mp4", "hash", new long[] { 104, 143, 165, 214 })]
    [InlineData("test_clip_10s.mp4", "threshold", new long[] { 140 })]
    [InlineData("test_video_30s.mp4", "content", new long[] { 286, 348, 372, 388, 468, 523, 573, 610, 671 })]
    [InlineData("test_video_30s.mp4", "adaptive", new long[] { 286, 348, 372, 388, 478, 523, 573, 610, 624 })]
    [InlineData("test_video_30s.mp4", "histogram", new long[] { 74, 169, 478, 631 })]
    [InlineData("test_video_30s.mp4", "hash", new long[] { 75, 176, 215, 237, 286, 340, 356, 372, 470, 523, 547, 573, 610, 631, 684 })]
    [InlineData("test_video_30s.mp4", "threshold", new long[] { 212, 328, 386, 474, 628 })]
    public void Cuts_OfARealClip_AreThoseOfPySceneDetect(string clip, string detector, long[] expected) =>
        ShotDetection.Run(Fixture.Path(clip), Detectors.Create(detector, new DetectorSettings())).Cuts.ShouldBe(expected);
}
