using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Evaluation.Clips;
using Kinora.Evaluation.Probes;
using Kinora.Evaluation.Quality;
using Kinora.World;

namespace Kinora.Evaluation.Tests;

public sealed class ThingFinderTests
{
    private static readonly ThingFinderConfig Tiny = ThingFinderConfig.Create(16, 5, [8, 8, 8, 8, 8, 8]);

    [Fact]
    public void Forward_Frames_GivesAMapOfEveryClass()
    {
        using var scope = TensorScope.Enter();
        var finder = new ThingFinder(ParameterPath.Root(new InitializedParameters(1)), Tiny);
        using var store = finder.Path.Store;
        finder.Forward(new Generator(3).Normal(2, 3, 16, 16)).Shape.ShouldBe([2, 1 + Vocabulary.Nouns.Count + Vocabulary.Colors.Count, 2, 2]);
        Should.Throw<ShapeException>(() => finder.Forward(Tensor.Zeros([1, 3, 32, 32]))).Message.ShouldContain("[N, 3, 16, 16]");
    }

    [Fact]
    public void Train_StoppedAndContinued_GivesTheSameWeights()
    {
        string folder = Directory.CreateTempSubdirectory("kinora-finder-").FullName;
        try
        {
            string checkpoint = Path.Combine(folder, "checkpoint.safetensors");
            var options = new ThingTrainingOptions { Seed = 5, Steps = 6, BatchSize = 4, WarmupSteps = 2, CheckpointEvery = 3 };
            float[] whole = Weights(ThingTrainer.Train(Tiny, options, Device.Cpu));
            using var stop = new CancellationTokenSource();
            Should.Throw<OperationCanceledException>(() => ThingTrainer.Train(Tiny, options, Device.Cpu, null, checkpoint, p =>
            {
                if (p.Step == 4) { stop.Cancel(); }
            }, stop.Token));
            File.Exists(checkpoint).ShouldBeTrue();
            int steps = 0;
            Weights(ThingTrainer.Train(Tiny, options, Device.Cpu, null, checkpoint, _ => steps++)).ShouldBe(whole);
            steps.ShouldBe(3);
            File.Exists(checkpoint).ShouldBeFalse();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        static float[] Weights(ThingFinder finder)
        {
            using var scope = TensorScope.Enter();
            float[] values = [.. finder.Parameters().SelectMany(p => p.Value.ToArray<float>())];
            finder.Path.Store.Dispose();
            return values;
        }
    }

    [Fact]
    public void Anywhere_Scenes_HaveUpToFourThingsApartAndNoHeldOutCombination()
    {
        var random = new Generator(2);
        Scene[] scenes = [.. Enumerable.Range(0, 200).Select(_ => ThingTrainer.Anywhere(random))];
        scenes.Select(s => s.Actors.Count).Distinct().Order().ShouldBe([0, 1, 2, 3, 4]);
        scenes.ShouldAllBe(s => !HeldOut.Contains(s));
        foreach (Scene s in scenes)
        {
            foreach (var (a, b) in from a in s.Actors from b in s.Actors where !ReferenceEquals(a, b) select (a, b))
                Math.Sqrt((a.X - b.X) * (a.X - b.X) + (a.Y - b.Y) * (a.Y - b.Y)).ShouldBeGreaterThan(0.55 * (a.Size + b.Size));
        }
    }

    // Positions as the finder would report them: the arithmetic of relations against the world's own truth.
    [Theory]
    [InlineData(Relation.LeftOf)]
    [InlineData(Relation.RightOf)]
    [InlineData(Relation.Above)]
    [InlineData(Relation.Below)]
    [InlineData(Relation.Chases)]
    public void Verdicts_ExactPositions_HoldForTheSceneAndNotForItsMirror(Relation relation)
    {
        Scene[] scenes = [.. Enumerable.Range(0, 400).Select(i => SceneSampler.HeldOutPair((ulong)i)).Where(s => s.Relation == relation).Take(20)];
        scenes.Length.ShouldBe(20);
        foreach (Scene scene in scenes)
        {
            Sighting[][] seen = Seen(scene);
            PairVerdicts.Of(seen, scene).ShouldAllBe(v => v.Expected == v.Seen);
            var mirrored = PairVerdicts.Of(seen, SceneTwins.Mirrored(scene)!);
            mirrored.Where(v => v.Expected != v.Seen).Select(v => v.Attribute).ShouldBe([PairVerdicts.Relation]);
        }
    }

    [Fact]
    public void Verdicts_OneThingInsteadOfTwo_AreAllWrong()
    {
        Scene two = SceneSampler.HeldOutPair(3), one = two with { Actors = [two.Actors[0]] };
        PairVerdicts.Of(Seen(one), two).ShouldAllBe(v => v.Expected != v.Seen);
        PairVerdicts.Of(Seen(two), SceneSampler.Sample(1, WorldSplit.HeldOut)).Single().ShouldBe(new AttributeVerdict("count", "one", "two"));
    }

    [Fact]
    public void Verdicts_ExchangedColors_AreWrongInColorAlone()
    {
        Scene scene = Enumerable.Range(0, 100).Select(i => SceneSampler.HeldOutPair((ulong)i)).First(s => s.Actors[0].Color != s.Actors[1].Color);
        Scene exchanged = scene with { Actors = [scene.Actors[0] with { Color = scene.Actors[1].Color }, scene.Actors[1] with { Color = scene.Actors[0].Color }] };
        // The finder is surer of nouns than of colors here.
        PairVerdicts.Of(Seen(exchanged, nounWeight: 2), scene).Where(v => v.Expected != v.Seen).Select(v => v.Attribute).ShouldBe([PairVerdicts.Colors]);
    }

    [Fact]
    public void ParsePair_EveryHeldOutPrompt_IsRead()
    {
        foreach (PairCase pair in HeldOutPairs.Take(60))
        {
            Scene parsed = WorldScores.ParsePair(pair.Prompt + ".").ShouldNotBeNull();
            CaptionGrammar.CanonicalPair(parsed).ShouldBe(pair.Prompt);
        }
        WorldScores.ParsePair("a red cat beside a blue ball in the snow").ShouldBeNull();
        WorldScores.ParsePair("a red cat").ShouldBeNull();
    }

    [Fact]
    public void HeldOutPairs_EveryPrefix_AsksEachRelationAboutEquallyOften()
    {
        IReadOnlyList<PairCase> pairs = HeldOutPairs.Take(100);
        pairs.ShouldAllBe(p => HeldOut.Contains(p.Scene));
        pairs.Select(p => p.Prompt).Distinct().Count().ShouldBe(100);
        pairs.GroupBy(p => p.Scene.Relation).ShouldAllBe(g => g.Count() >= 15 && g.Count() <= 25);
    }

    [Fact]
    public void ShippedFinder_RealClips_MayJudge()
    {
        var finder = ThingFinderFolder.Load(ShippedProbe.Folder, Device.Cpu);
        using var store = finder.Path.Store;
        PairGate.Check(finder, 60, 1, Device.Cpu).Refused.Share.ShouldBeGreaterThanOrEqualTo(ProbeGate.Required);
    }

    [Fact]
    public void Check_UntrainedFinder_IsRefusedByName()
    {
        var finder = new ThingFinder(ParameterPath.Root(new InitializedParameters(1)), Tiny);
        using var store = finder.Path.Store;
        Should.Throw<ProbeGateException>(() => PairGate.Check(finder, 10, 0, Device.Cpu)).Message.ShouldSatisfyAllConditions(m => m.ShouldContain("relation"), m => m.ShouldContain("98 %"), m => m.ShouldContain("--retrain"));
    }

    private static Sighting[][] Seen(Scene scene, double nounWeight = 1)
    {
        static double[] Sure(int right, int classes, double weight) => [.. Enumerable.Range(0, classes).Select(i => weight * (i == right ? -0.1 : -4))];
        return
        [
            .. ThingReading.FramesOf(17).Select(f => scene.Actors.Select(a =>
            {
                ActorPose pose = a.PoseAt(Renderer.TimeOf(f, 17));
                return new Sighting(pose.X, pose.Y, 0.9, Sure((int)a.Noun, Vocabulary.Nouns.Count, nounWeight), Sure((int)a.Color, Vocabulary.Colors.Count, 1));
            }).ToArray()),
        ];
    }
}
