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
