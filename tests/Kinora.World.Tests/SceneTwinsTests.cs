namespace Kinora.World.Tests;

public sealed class SceneTwinsTests
{
    [Fact]
    public void Of_ManyScenes_DiffersInWhatACaptionTellsAndIsNeverHeldOut()
    {
        for (ulong seed = 0; seed < 400; seed++)
        {
            Scene scene = SceneSampler.Sample(seed), twin = SceneTwins.Of(scene, seed + 1);
            HeldOut.Contains(twin).ShouldBeFalse();
            twin.Actors.Count.ShouldBe(scene.Actors.Count);
            twin.Camera.ShouldBe(scene.Camera);
            (Told(twin) == Told(scene)).ShouldBeFalse();
            int differing = new[] { Singles(scene) == Singles(twin), scene.Setting == twin.Setting }.Count(same => !same);
            differing.ShouldBeLessThanOrEqualTo(2);
            twin.Actors.ShouldAllBe(a => a.Motion != Motion.Spin || Vocabulary.CanSpin(a.Noun));
            Told(SceneTwins.Of(scene, seed + 1)).ShouldBe(Told(twin));
        }
    }

    [Fact]
    public void Mirrored_Twice_IsTheSceneAgain()
    {
        Scene[] pairs = [.. Enumerable.Range(0, 200).Select(i => SceneSampler.Sample((ulong)i, options: new WorldOptions(TwoActors: 1)))];
        foreach (Scene scene in pairs)
        {
            Scene mirrored = SceneTwins.Mirrored(scene)!;
            (mirrored.Actors[0].X, mirrored.Actors[0].Y).ShouldNotBe((scene.Actors[0].X, scene.Actors[0].Y));
            (scene.Relation == Relation.Chases ? mirrored.Actors[0].Motion != scene.Actors[0].Motion : mirrored.Relation != scene.Relation).ShouldBeTrue();
            Told(SceneTwins.Mirrored(mirrored)!).ShouldBe(Told(scene));
        }
        SceneTwins.Mirrored(SceneSampler.Sample(1, options: new WorldOptions(TwoActors: 0))).ShouldBeNull();
    }

    private static string Singles(Scene s) => string.Join('|', s.Actors.Select(a => $"{a.Noun} {a.Color} {a.Motion}"));

    private static string Told(Scene s) => $"{Singles(s)} {s.Relation} {s.Setting} {string.Join('|', s.Actors.Select(a => $"{a.X:F3} {a.Y:F3}"))}";
}
