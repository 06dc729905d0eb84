namespace Kinora.World.Tests;

public sealed class SceneSamplerTests
{
    private const int Many = 40_000;

    [Fact]
    public void Sample_SameSeed_GivesTheSameScene()
    {
        Scene first = SceneSampler.Sample(42), second = SceneSampler.Sample(42);
        second.Actors.ShouldBe(first.Actors);
        (second with { Actors = first.Actors }).ShouldBe(first);
        SceneSampler.Sample(43).Actors.ShouldNotBe(first.Actors);
    }

    [Fact]
    public void Sample_Training_NeverShowsAHeldOutCombination()
    {
        for (ulong seed = 0; seed < 100_000; seed++)
        {
            Scene scene = SceneSampler.Sample(seed);
            foreach (Actor a in scene.Actors)
            {
                if (HeldOut.Contains(new Combination(a.Noun, a.Color, a.Motion, scene.Setting)))
                    Assert.Fail($"seed {seed}: {a} in {scene.Setting}");
            }
        }
    }

    [Fact]
    public void Sample_HeldOut_ShowsAllOfTheHeldOutCombinationsAndNothingElse()
    {
        var seen = new HashSet<Combination>();
        for (ulong seed = 0; seed < 20_000; seed++)
        {
            Scene scene = SceneSampler.Sample(seed, WorldSplit.HeldOut);
            Actor actor = scene.Actors.Single();
            seen.Add(new Combination(actor.Noun, actor.Color, actor.Motion, scene.Setting));
        }
        seen.SetEquals(HeldOut.All).ShouldBeTrue();
    }

    [Fact]
    public void Sample_Training_ShowsEveryWordAboutEquallyOften()
    {
        Scene[] scenes = [.. Enumerable.Range(0, Many).Select(i => SceneSampler.Sample((ulong)i, options: Clips.Plain))];
        ShouldBeEven(scenes.Select(s => s.Actors[0].Noun), 0.25);
        ShouldBeEven(scenes.Select(s => s.Actors[0].Color), 0.1);
        ShouldBeEven(scenes.Select(s => s.Actors[0].Motion), 0.15);
        ShouldBeEven(scenes.Select(s => s.Setting), 0.1);
    }

    [Fact]
    public void Sample_Defaults_MixesPairsCamerasAndRelationsAsAskedFor()
    {
        Scene[] scenes = [.. Enumerable.Range(0, Many).Select(i => SceneSampler.Sample((ulong)i))];
        Scene[] pairs = [.. scenes.Where(s => s.Actors.Count == 2)];
        (pairs.Length / (double)Many).ShouldBe(0.25, 0.02);
        (scenes.Count(s => s.Camera != CameraMove.Static) / (double)Many).ShouldBe(0.2, 0.01);
        ShouldBeEven(pairs.Select(s => s.Relation!.Value), 0.1);
        ShouldBeEven(scenes.Where(s => s.Camera != CameraMove.Static).Select(s => s.Camera), 0.1, Vocabulary.CameraMoves.Count - 1);
        scenes.ShouldAllBe(s => s.Actors.Count == 2 == (s.Relation != null));
        pairs.ShouldAllBe(s => s.Actors[0].Noun != s.Actors[1].Noun);
    }

    [Fact]
    public void Sample_NoOptionForThem_GivesNoPairsAndNoCamera()
    {
        for (ulong seed = 0; seed < 500; seed++)
        {
            Scene scene = SceneSampler.Sample(seed, options: Clips.Plain);
            (scene.Actors.Count, scene.Camera).ShouldBe((1, CameraMove.Static));
        }
    }

    [Fact]
    public void Sample_Combination_KeepsItsFourAttributes()
    {
        var wanted = new Combination(Noun.Balloon, ActorColor.Red, Motion.Up, Setting.NightCity);
        for (ulong seed = 0; seed < 50; seed++)
        {
            Scene scene = SceneSampler.Sample(wanted, seed);
            new Combination(scene.Actors[0].Noun, scene.Actors[0].Color, scene.Actors[0].Motion, scene.Setting).ShouldBe(wanted);
        }
    }

    [Fact]
    public void Sample_Spin_IsNeverGivenToWhatLooksTheSameAtEveryAngle()
    {
        for (ulong seed = 0; seed < 20_000; seed++)
            SceneSampler.Sample(seed).Actors.Any(a => a.Motion == Motion.Spin && !Vocabulary.CanSpin(a.Noun)).ShouldBeFalse();
    }

    [Theory]
    [InlineData(Relation.LeftOf)]
    [InlineData(Relation.RightOf)]
    [InlineData(Relation.Above)]
    [InlineData(Relation.Below)]
    public void Sample_Pairs_StandAsTheRelationSays(Relation relation)
    {
        Scene[] scenes = [.. Enumerable.Range(0, 4000).Select(i => SceneSampler.Sample((ulong)i)).Where(s => s.Relation == relation)];
        scenes.Length.ShouldBeGreaterThan(100);
        foreach (Scene scene in scenes)
        {
            for (int f = 0; f < Clips.Frames; f++)
            {
                double t = Renderer.TimeOf(f, Clips.Frames);
                ActorPose a = scene.Actors[0].PoseAt(t), b = scene.Actors[1].PoseAt(t);
                double gap = relation switch { Relation.LeftOf => b.X - a.X, Relation.RightOf => a.X - b.X, Relation.Above => b.Y - a.Y, _ => a.Y - b.Y };
                gap.ShouldBeGreaterThan(0.3, $"seed {scene.Seed} frame {f}");
            }
        }
    }

    [Fact]
    public void Sample_Chases_FirstFollowsSecondInItsDirection()
    {
        Scene[] scenes = [.. Enumerable.Range(0, 4000).Select(i => SceneSampler.Sample((ulong)i)).Where(s => s.Relation == Relation.Chases)];
        scenes.Length.ShouldBeGreaterThan(100);
        foreach (Scene scene in scenes)
        {
            double forward = scene.Actors[0].Motion == Motion.Right ? 1 : -1;
            scene.Actors[1].Motion.ShouldBe(scene.Actors[0].Motion);
            foreach (double t in new[] { 0, 0.5, 1 })
                (forward * (scene.Actors[1].PoseAt(t).X - scene.Actors[0].PoseAt(t).X)).ShouldBeGreaterThan(0.3);
        }
    }

    // Every word within a relative tolerance of its even share.
    private static void ShouldBeEven<T>(IEnumerable<T> draws, double tolerance, int? words = null) where T : struct, Enum
    {
        var counts = draws.CountBy(d => d).ToDictionary();
        int number = words ?? Enum.GetValues<T>().Length;
        counts.Count.ShouldBe(number);
        double share = counts.Values.Sum() / (double)number;
        foreach (var (word, count) in counts)
            (count / share).ShouldBe(1, tolerance, $"{word}");
    }
}
