// Cut lists of real clips by PySceneDetect 0.7.1 with its PyAV back-end and default settings.
using Kinora.Curation.Shots;

namespace Kinora.Curation.Tests.Shots;

public sealed class RealClipTests
{
    public static TheoryData<string, long[][]> Expected() => new()
    {
        // content, adaptive, histogram, hash, threshold
        { "test_clip_10s.mp4", [[214], [214], [97], [104, 143, 165, 214], [140]] },
        {
            "test_video_30s.mp4",
            [
                [286, 348, 372, 388, 468, 523, 573, 610, 671], [286, 348, 372, 388, 478, 523, 573, 610, 624], [74, 169, 478, 631],
                [75, 176, 215, 237, 286, 340, 356, 372, 470, 523, 547, 573, 610, 631, 684], [212, 328, 386, 474, 628],
            ]
        },
    };

    [Theory]
    [MemberData(nameof(Expected))]
    public void Cuts_OfARealClip_AreThoseOfPySceneDetect(string clip, long[][] expected)
    {
        string[] names = ["content", "adaptive", "histogram", "hash", "threshold"];
        var lists = ShotDetection.RunAll(Fixture.Path(clip), [.. names.Select(name => Detectors.Create(name, new DetectorSettings()))]);
        for (int i = 0; i < names.Length; i++) { lists[i].Cuts.ShouldBe(expected[i], names[i]); }
    }
}
