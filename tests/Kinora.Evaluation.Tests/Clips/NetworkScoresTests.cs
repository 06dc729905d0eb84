// The networks as the command uses them: weights on disk, clips in, named scores out. The weights are random, so the numbers only have to be
// those of the definitions.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Clips;
using Kinora.Media;
using Kinora.Models.Systems.InceptionI3d;
using Kinora.Models.Systems.InceptionV3;
using Kinora.Models.Systems.Raft;

namespace Kinora.Evaluation.Tests.Clips;

public sealed class NetworkScoresTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kinora-networks-").FullName;

    // Oracle: torchvision's inception_v3 without its auxiliary head has 23,834,568 parameters for 1000 classes.
    [Fact]
    public void InceptionV3_ParameterCount_IsThePublishedNetworks()
    {
        var network = new InceptionV3Model(ParameterPath.Root(new ShapeOnlyParameters()), 1000);
        using var store = network.Path.Store;
        network.Parameters().Where(p => !p.Name.Contains("running_")).Sum(p => p.Value.NumElements).ShouldBe(23_834_568);
    }

    // Oracle: piergiaj/pytorch-i3d with 400 classes, 12,697,264 parameters and buffers; torchvision's raft_large and raft_small.
    [Fact]
    public void I3dAndRaft_ParameterCounts_AreThePublishedNetworks()
    {
        var i3d = new InceptionI3dModel(ParameterPath.Root(new ShapeOnlyParameters()));
        using var i3dStore = i3d.Path.Store;
        i3d.Parameters().Where(p => !p.Name.Contains("running_")).Sum(p => p.Value.NumElements).ShouldBe(12_697_264);
        foreach (var (config, count) in new[] { (RaftConfig.Large, 5_257_536), (RaftConfig.Small, 990_162) })
        {
            var raft = new RaftModel(ParameterPath.Root(new ShapeOnlyParameters()), config);
            using var store = raft.Path.Store;
            raft.Parameters().Where(p => !p.Name.Contains("running_")).Sum(p => p.Value.NumElements).ShouldBe(count);
        }
    }

    [Fact]
    public void Raft_StillClip_IsNotDynamicAndWarpsWithoutError()
    {
        using var flow = FlowScores.Load(Save("raft.safetensors", p => new RaftModel(p, RaftConfig.Small)), Device.Cpu);
        flow.Variant.ShouldBe("raft_small");
        var scores = flow.Of(Gray(8, 3));
        scores[FlowScores.WarpingError].ShouldBe(0, 1e-6);
        Should.Throw<EvaluationException>(() => flow.Of(Gray(30, 3))).Message.ShouldContain("two frames");
    }

    // Oracle: E = LCG(1) − ½ as 64×8 rows of length 1; numpy.
    [Fact]
    public void Clip_OverTime_AgreesWithTheReference()
    {
        using var scope = TensorScope.Enter();
        Tensor e = Lcg.Matrix(1, 64, 8, 1, -0.5).ToTensor();
        var values = ClipScores.OverTime(e / e.Norm(2, [1], keepDim: true));
        values[ClipScores.Coherency].ShouldBe(-0.00421696786, 1e-9);
        values[ClipScores.Consistency].ShouldBe(0.13414408186, 1e-9);
    }

    [Fact]
    public void Video_WrongWeightsOrTooFewFrames_AreRefused()
    {
        string raft = Save("raft.safetensors", p => new RaftModel(p, RaftConfig.Small));
        Should.Throw<CheckpointException>(() => VideoFeatures.Load(raft, new VideoFeatureOptions(), Device.Cpu, null)).Message.ShouldContain("Conv3d_1a_7x7");
        Should.Throw<EvaluationException>(() => VideoFeatures.Load(raft, new VideoFeatureOptions(Frames: 4), Device.Cpu, null)).Message.ShouldContain("at least 10");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Save(string name, Func<ParameterPath, Module> build)
    {
        string path = Path.Combine(_folder, name);
        var root = ParameterPath.Root(new InitializedParameters(1));
        using var store = root.Store;
        SafetensorsWriter.Write(path, build(root).Parameters().Select(p => KeyValuePair.Create(p.Name, p.Value)));
        return path;
    }

    private static Clip Gray(double fps, int frames) => new([.. Enumerable.Range(0, frames).Select(_ => new VideoFrame(32, 32, Enumerable.Repeat((byte)90, 32 * 32 * 3).ToArray()))], fps);
}
