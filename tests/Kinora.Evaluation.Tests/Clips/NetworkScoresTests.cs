// The networks as the command uses them: weights on disk, clips in, named scores out. The weights are random, so the numbers only have to be
// those of the definitions.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Clips;
using Kinora.Evaluation.Features;
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

    // Oracle: a plain module in PyTorch 1.13 with the names and the padding of hassony2/kinetics_i3d_pytorch (src/i3dpt.py), every tensor filled from
    // the stream of its name, on 10 frames of the stream 7: 10 is no multiple of 8, so the two layouts pad differently.
    [Fact]
    public void I3d_NamesOfTheTorchScriptArchive_AreReadAndPaddedAsThere()
    {
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        string path = Path.Combine(_folder, "i3d.safetensors");
        SafetensorsWriter.Write(path, ScriptedI3d());
        var (model, layout) = InceptionI3dWeights.Load(path, Device.Cpu);
        using var store = model.Path.Store;
        layout.ShouldBe(InceptionI3dLayout.TorchScript);
        double[] y = model.Forward(Tensor.FromArray(Lcg.Values(7, 3 * 10 * 224 * 224).Select(v => (float)(2 * v - 1)).ToArray(), 1, 3, 10, 224, 224)).To(DType.Float64).ToArray<double>();
        y.Sum().ShouldBe(-44.46709996461868, 0.02);
        y.Average(Math.Abs).ShouldBe(4.724261047206819, 1e-4);
        double[] first = [1.1289453506469727, 7.162352561950684, -3.842682361602783, -6.165888786315918, 2.842839479446411, 10.528182983398438];
        for (int i = 0; i < first.Length; i++)
            y[i].ShouldBe(first[i], 1e-3);
    }

    // The network of the tests above under the archive's names: the table read backwards.
    private static IEnumerable<KeyValuePair<string, Tensor>> ScriptedI3d()
    {
        var i3d = new InceptionI3dModel(ParameterPath.Root(new ShapeOnlyParameters()));
        using var store = i3d.Path.Store;
        foreach (var (name, parameter) in i3d.Parameters())
        {
            string published = InceptionI3dWeights.Scripted.ToPublished(name)!.Value.Published;
            int count = (int)parameter.NumElements;
            double scale = Math.Sqrt(24.0 / ((double)count / parameter.Size(0)));
            bool matrix = parameter.Shape.Length >= 2;
            double Value(double u) => published.EndsWith("running_var", StringComparison.Ordinal) ? 0.5 + u : matrix ? (u - 0.5) * scale : published.EndsWith(".weight", StringComparison.Ordinal) ? 0.75 + 0.5 * u : 0.2 * (u - 0.5);
            yield return KeyValuePair.Create(published, Tensor.FromArray(Lcg.Values(Lcg.Crc32(published), count).Select(u => (float)Value(u)).ToArray(), [.. parameter.Shape]));
        }
    }

    // A run that stops after the first clip leaves that clip's features; the next run computes only the rest, another option everything.
    [Fact]
    public void I3dCache_AfterAStop_ContinuesByContentAndProtocol()
    {
        string weights = Save("i3d.safetensors", p => new InceptionI3dModel(p)), clips = Directory.CreateDirectory(Path.Combine(_folder, "clips")).FullName, cache = Path.Combine(_folder, "cache");
        for (int i = 0; i < 2; i++)
            new Clip([.. Enumerable.Range(0, 10).Select(f => new VideoFrame(32, 32, Enumerable.Repeat((byte)(60 * i + 5 * f), 32 * 32 * 3).ToArray()))], 8).Save(Path.Combine(clips, $"{i}.mp4"));
        using var stop = new CancellationTokenSource();
        ClipEvaluationOptions Options(FvdResize resize = FvdResize.CenterCrop) => new() { Clips = clips, Reference = clips, I3d = weights, Video = new VideoFeatureOptions(10, resize), Cache = cache, Distributions = new() { Resamples = 0 } };
        Should.Throw<OperationCanceledException>(() => ClipEvaluation.Run(Options(), Device.Cpu, (_, done, _) => { if (done == 2) { stop.Cancel(); stop.Token.ThrowIfCancellationRequested(); } }, stop.Token));
        FileInfo first = new DirectoryInfo(cache).EnumerateFiles().ShouldHaveSingleItem();
        DateTime written = first.LastWriteTimeUtc;
        FeatureMatrix continued = ClipEvaluation.Run(Options(), Device.Cpu).Features!;
        first.Refresh();
        first.LastWriteTimeUtc.ShouldBe(written);
        Directory.EnumerateFiles(cache).Count().ShouldBe(2);
        Directory.Delete(cache, recursive: true);
        FeatureMatrix anew = ClipEvaluation.Run(Options(), Device.Cpu).Features!;
        continued.Values.ShouldBe(anew.Values);
        // The same clip under another name has the same features; the same clip under another protocol has not.
        File.Move(Path.Combine(clips, "1.mp4"), Path.Combine(clips, "2.mp4"));
        ClipEvaluation.Run(Options(), Device.Cpu);
        Directory.EnumerateFiles(cache).Count().ShouldBe(2);
        ClipEvaluation.Run(Options(FvdResize.Stretch), Device.Cpu);
        Directory.EnumerateFiles(cache).Count().ShouldBe(4);
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
