using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Evaluation.Probes;
using Kinora.Models.Systems.KinoraWorldClip;
using Kinora.World;

namespace Kinora.Evaluation.Tests;

public sealed class WorldProbeTests
{
    private static readonly WorldProbeConfig Tiny = WorldProbeConfig.Create(16, 5, [8, 8, 8, 8, 8], [8, 8, 8, 8]);

    private static WorldProbe Build(ulong seed = 1) => new(ParameterPath.Root(new InitializedParameters(seed)), Tiny);

    private static Tensor Clips(int count) => new Generator(3).Normal(count, 3, 5, 16, 16);

    [Fact]
    public void Forward_Clips_GivesLogitsOfEveryAttribute()
    {
        using var scope = TensorScope.Enter();
        var probe = Build();
        using var store = probe.Path.Store;
        probe.Forward(Clips(3)).Select(t => t.Shape).ShouldBe(ProbeAttribute.All.Select(a => new long[] { 3, a.Classes.Count }));
    }

    [Fact]
    public void Forward_AloneOrInABatch_AgreesAndRepeats()
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        var probe = Build();
        using var store = probe.Path.Store;
        var x = Clips(4);
        Tensor[] together = probe.Forward(x), again = probe.Forward(x), alone = probe.Forward(x.Narrow(0, 2, 1));
        for (int a = 0; a < together.Length; a++)
        {
            again[a].ToArray<float>().ShouldBe(together[a].ToArray<float>());
            (together[a].Narrow(0, 2, 1) - alone[a]).Abs().Max().Item().ShouldBeLessThan(1e-4);
        }
    }

    [Fact]
    public void ForwardStills_ThreeFramesOfAClip_AgreesWithTheClip()
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        var probe = Build();
        using var store = probe.Path.Store;
        var x = Clips(2);
        Tensor[] whole = probe.Forward(x);
        Tensor?[] stills = probe.ForwardStills(Tensor.Stack([x.Select(2, 0), x.Select(2, 2), x.Select(2, 4)], 2));
        stills[2].ShouldBeNull();
        foreach (int a in new[] { 0, 1, 3 })
            stills[a]!.ToArray<float>().ShouldBe(whole[a].ToArray<float>());
    }

    [Fact]
    public void Forward_OtherSize_NamesBothShapes()
    {
        using var scope = TensorScope.Enter();
        var probe = Build();
        using var store = probe.Path.Store;
        Should.Throw<ShapeException>(() => probe.Forward(Tensor.Zeros([1, 3, 5, 32, 32]))).Message.ShouldSatisfyAllConditions(m => m.ShouldContain("[B, 3, 5, 16, 16]"), m => m.ShouldContain("32"));
    }

    [Fact]
    public void Backward_AnyLoss_ReachesEveryParameter()
    {
        using var scope = TensorScope.Enter();
        var probe = Build();
        using var store = probe.Path.Store;
        Tensor.Cat(probe.Forward(Clips(2)), 1).Square().Sum().Backward();
        foreach (var (name, value) in probe.Parameters())
            (value.Grad?.Abs().Max().Item() ?? 0).ShouldBeGreaterThan(0, name);
    }

    [Fact]
    public void Forward_Repeated_LeavesNoTensorBehind()
    {
        var probe = Build();
        using var store = probe.Path.Store;
        long before = Tensor.LiveCount;
        using (var scope = TensorScope.Enter())
        {
            using var noGrad = GradMode.NoGrad();
            _ = probe.Forward(Clips(2));
        }
        Tensor.LiveCount.ShouldBe(before);
    }

    [Fact]
    public void SaveAndLoad_Probe_GivesTheSameAnswersInBFloat16()
    {
        string folder = Directory.CreateTempSubdirectory("kinora-probe-").FullName;
        try
        {
            using var scope = TensorScope.Enter();
            using var noGrad = GradMode.NoGrad();
            var probe = Build();
            using var store = probe.Path.Store;
            ProbeFolder.Save(folder, probe);
            var loaded = ProbeFolder.Load(folder, Device.Cpu);
            using var loadedStore = loaded.Path.Store;
            foreach (var (written, read) in probe.Parameters().Zip(loaded.Parameters()))
                read.Value.ToArray<float>().ShouldBe(written.Value.To(DType.BFloat16).To(DType.Float32).ToArray<float>(), written.Name);
            ProbeFolder.Sha256(folder).Length.ShouldBe(64);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Validate_OtherVocabulary_IsRefused()
    {
        var other = Tiny with { Attributes = [new ProbeAttribute("noun", ["dog"]), .. ProbeAttribute.All.Skip(1)] };
        Should.Throw<ConfigException>(() => new WorldProbe(ParameterPath.Root(new ShapeOnlyParameters()), other)).Message.ShouldContain("--retrain");
    }

    [Fact]
    public void Default_Probe_FitsInTwoMegabytes()
    {
        var probe = new WorldProbe(ParameterPath.Root(new ShapeOnlyParameters()), WorldProbeConfig.Default);
        using var store = probe.Path.Store;
        (2 * probe.ParameterCount).ShouldBeInRange(500_000, 2_000_000);
    }

    [Fact]
    public void Train_SameSeed_GivesTheSameWeightsAndLearns()
    {
        var options = new ProbeTrainingOptions { Seed = 5, Steps = 12, BatchSize = 16, LearningRate = 5e-3, WarmupSteps = 2, StillSteps = 4, StillBatchSize = 16, StillLearningRate = 2e-3 };
        List<double> Losses()
        {
            var losses = new List<double>();
            var probe = ProbeTrainer.Train(Tiny, options, Device.Cpu, p => losses.Add(p.Loss));
            probe.Parameters().ShouldAllBe(p => !p.Value.RequiresGrad);
            probe.Path.Store.Dispose();
            return losses;
        }

        var first = Losses();
        Losses().ShouldBe(first);
        first.Count.ShouldBe(16);
        first.Skip(9).Take(3).Average().ShouldBeLessThan(first.Take(3).Average() - 0.1);
    }

    [Fact]
    public void Render_Labels_AreThoseOfTheScene()
    {
        var clips = LabeledClips.Render([1, 2, 3], WorldSplit.HeldOut, 16, 5);
        for (int i = 0; i < 3; i++)
        {
            var scene = SceneSampler.Sample((ulong)(i + 1), WorldSplit.HeldOut, new WorldOptions(TwoActors: 0));
            clips.Labels[(4 * i)..(4 * i + 4)].ShouldBe(ProbeAttribute.Labels(LabeledClips.CombinationOf(scene)));
            var rgb = new byte[5 * 16 * 16 * 3];
            Renderer.Render(scene, 16, 16, 5, rgb);
            clips.Clip(i).ToArray().ShouldBe(rgb);
        }
    }

    [Fact]
    public void Augmentation_Clips_StayInRangeAndFollowTheSeed()
    {
        using var scope = TensorScope.Enter();
        var x = LabeledClips.Render([.. Enumerable.Range(0, 20).Select(i => (ulong)i)], WorldSplit.Train, 16, 5).ToTensor(Device.Cpu);
        float[] once = ClipDisturbance.Apply(x, new Generator(1)).ToArray<float>(), again = ClipDisturbance.Apply(x, new Generator(1)).ToArray<float>(), other = ClipDisturbance.Apply(x, new Generator(2)).ToArray<float>();
        once.ShouldBe(again);
        once.ShouldNotBe(other);
        once.ShouldAllBe(v => v >= -1 && v <= 1);
        // Some clips stay exact, most do not.
        float[] plain = x.ToArray<float>();
        int size = plain.Length / 20, untouched = Enumerable.Range(0, 20).Count(i => plain.AsSpan(i * size, size).SequenceEqual(once.AsSpan(i * size, size)));
        untouched.ShouldBeInRange(1, 10);
    }
}
