using Kinora.Curation.Bench;

namespace Kinora.Curation.Tests.Bench;

public sealed class CutBenchTests
{
    [Fact]
    public void FusedDetector_OnKnownJoins_FindsThemAndIgnoresFlashes()
    {
        var rows = CutBench.Run(new CutBenchOptions { Joins = 60, Seed = 3 });
        CutBenchRow Row(string kind) => rows.Single(r => r.Detector == "fused" && r.Class == kind);
        Row("hard").Events.ShouldBe(30);
        Row("hard").F1.ShouldBeGreaterThanOrEqualTo(0.98);
        Row("gradual").F1.ShouldBeGreaterThanOrEqualTo(0.9);
        Row("flash").False.ShouldBe(0);
        CutBench.Table(rows).ShouldContain("adaptive");
    }

    // The layout that PySceneDetect documents: frames count from 1.
    [Fact]
    public void Peer_ListOfScenes_IsReadAsCuts() =>
        PySceneDetectPeer.Parse(["Scene Number,Start Frame,Start Timecode,Start Time (seconds),End Frame", "1,1,00:00:00.000,0.000,24", "2,25,00:00:01.000,1.000,60", "3,61,00:00:02.500,2.500,96"]).ShouldBe([24L, 60L]);

    [Theory]
    [MemberData(nameof(EveryKind))]
    public void Transition_AtItsEnds_ShowsOneShotAlone(string kind)
    {
        const int side = 32;
        byte[] a = [.. Enumerable.Repeat((byte)40, side * side * 3)], b = [.. Enumerable.Repeat((byte)200, side * side * 3)];
        Transition.Blend(kind, a, b, side, side, 0.01).Average(s => (double)s).ShouldBe(40, 24);
        Transition.Blend(kind, a, b, side, side, 0.99).Average(s => (double)s).ShouldBe(200, 24);
    }

    public static TheoryData<string> EveryKind() => [.. Transition.Kinds];
}
