// The networks as the command uses them: weights on disk, clips in, named scores out. The weights are random, so the numbers only have to be
// those of the definitions.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Clips;
using Kinora.Evaluation.Features;
using Kinora.Media;
using Kinora.Models;
using Kinora.Models.Systems.C3d;
using Kinora.Models.Systems.InceptionI3d;
using Kinora.Models.Systems.InceptionV3;
using Kinora.Models.Systems.Raft;
using Kinora.Models.Systems.Siglip;
using Kinora.Models.Systems.VideoMae;

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

    // The published network under the archive's names: the table read backwards.
    private static IEnumerable<KeyValuePair<string, Tensor>> ScriptedI3d() =>
        Lcg.Filled(new InceptionI3dModel(ParameterPath.Root(new ShapeOnlyParameters())), name => InceptionI3dWeights.Scripted.ToPublished(name)!.Value.Published);

    // Oracle of this and the next: plain modules in PyTorch 1.13, every tensor filled from the stream of its name.
    [Fact]
    public void C3d_TinyNetwork_AgreesWithPyTorchFromBytesToLogits()
    {
        using var scope = TensorScope.Enter();
        string path = Path.Combine(_folder, "c3d.safetensors");
        SafetensorsWriter.Write(path, Lcg.Filled(new C3dModel(ParameterPath.Root(new ShapeOnlyParameters()), 5, width: 4, hidden: 16)));
        var model = Checkpoint.Load(path, p => new C3dModel(p, 5, width: 4, hidden: 16));
        using var store = model.Path.Store;
        byte[] rgb = [.. Lcg.Values(11, 16 * 20 * 30 * 3).Select(v => (byte)(256 * v))];
        Tensor x = NetworkFeatures.PrepareC3d(new Clip([.. Enumerable.Range(0, 16).Select(f => new VideoFrame(30, 20, rgb.AsSpan(f * 1800, 1800).ToArray()))], 8), Device.Cpu);
        double[] logits = model.Forward(x).To(DType.Float64).ToArray<double>();
        double[] expected = [-754.59130859375, 267.1521301269531, 149.25257873535156, 225.81678771972656, 208.90635681152344];
        for (int i = 0; i < expected.Length; i++)
            logits[i].ShouldBe(expected[i], 0.02);
        var full = new C3dModel(ParameterPath.Root(new ShapeOnlyParameters()), 101);
        using var fullStore = full.Path.Store;
        full.Parameters().Sum(p => p.Value.NumElements).ShouldBe(78_409_573);
    }

    [Theory]
    [InlineData(true, new[] { -0.41259849071502686, 0.42481422424316406, -0.14467984437942505, -0.41639405488967896, -0.2661556601524353, 1.7160640954971313 })]
    [InlineData(false, new[] { -0.35683193802833557, 0.4348967969417572, -0.0623161755502224, -0.5200722217559814, -0.23681578040122986, 1.5820889472961426 })]
    public void VideoMae_TinyFolder_AgreesWithPyTorchAndGivesFeaturesOfClips(bool classifier, double[] expected)
    {
        using var scope = TensorScope.Enter();
        string folder = Directory.CreateDirectory(Path.Combine(_folder, "videomae")).FullName;
        File.WriteAllText(Path.Combine(folder, "config.json"), $$"""{"model_type":"videomae","image_size":32,"patch_size":16,"num_frames":4,"tubelet_size":2,"hidden_size":16,"num_hidden_layers":2,"num_attention_heads":2,"intermediate_size":32,"use_mean_pooling":{{(classifier ? "true" : "false")}}}""");
        File.WriteAllText(Path.Combine(folder, "preprocessor_config.json"), """{"do_resize":true,"size":{"shortest_edge":32},"resample":2,"do_center_crop":true,"crop_size":{"height":32,"width":32},"do_rescale":true,"do_normalize":true,"image_mean":[0.485,0.456,0.406],"image_std":[0.229,0.224,0.225]}""");
        var config = ModelConfigJson.ReadFile(Path.Combine(folder, "config.json"), VideoMaeJson.Default.VideoMaeConfig);
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), Lcg.Filled(new VideoMaeModel(ParameterPath.Root(new ShapeOnlyParameters()), config, classifier)));
        VideoMaeModel model = VideoMaeModel.Load(folder);
        using var store = model.Path.Store;
        double[] y = model.Forward(Tensor.FromArray(Lcg.Values(5, 4 * 3 * 32 * 32).Select(v => (float)(2 * v - 1)).ToArray(), 1, 4, 3, 32, 32)).To(DType.Float64).ToArray<double>();
        for (int i = 0; i < expected.Length; i++)
            y[i].ShouldBe(expected[i], 2e-5);
        using var features = NetworkFeatures.VideoMae(folder, Device.Cpu, DType.Float32);
        features.Of(Gray(8, 4)).Length.ShouldBe(16);
        Should.Throw<EvaluationException>(() => features.Of(Gray(8, 3))).Message.ShouldBe("3 frames: VideoMAE takes 4");
    }

    // The slot takes a whole SigLIP and needs its image encoder alone.
    [Fact]
    public void Siglip_FolderOfBothEncoders_GivesOneVectorForEachFrame()
    {
        using var scope = TensorScope.Enter();
        string folder = Directory.CreateDirectory(Path.Combine(_folder, "siglip")).FullName;
        File.WriteAllText(Path.Combine(folder, "config.json"), """{"model_type":"siglip","text_config":{"hidden_size":16,"intermediate_size":32,"num_hidden_layers":1,"num_attention_heads":2,"vocab_size":32},"vision_config":{"hidden_size":16,"intermediate_size":32,"num_hidden_layers":1,"num_attention_heads":2,"image_size":32,"patch_size":16}}""");
        File.WriteAllText(Path.Combine(folder, "preprocessor_config.json"), """{"do_resize":true,"size":{"height":32,"width":32},"resample":3,"do_center_crop":false,"do_rescale":true,"do_normalize":true,"image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5]}""");
        var config = ModelConfigJson.ReadFile(Path.Combine(folder, "config.json"), SiglipJson.Default.SiglipConfig);
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), Lcg.Filled(new SiglipModel(ParameterPath.Root(new ShapeOnlyParameters()), config)));
        using var features = NetworkFeatures.Siglip(folder, Device.Cpu, DType.Float32);
        (features.Of(Gray(8, 3)).Length, features.Names.Frechet).ShouldBe((3 * 16, "frechet-siglip"));
    }

    // torchvision's network has an auxiliary head, 1000 classes, and names of its own for its scores.
    [Fact]
    public void Inception_OfTorchvision_IsToldFromThatOfFid()
    {
        using var scope = TensorScope.Enter();
        string path = Path.Combine(_folder, "inception.safetensors");
        var root = ParameterPath.Root(new InitializedParameters(1));
        using (root.Store)
        {
            var network = new InceptionV3Model(root, InceptionV3Model.ImageNetClasses, InceptionV3Variant.Torchvision);
            SafetensorsWriter.Write(path, [.. network.Parameters().Select(p => KeyValuePair.Create(p.Name, p.Value)), KeyValuePair.Create("AuxLogits.fc.bias", Tensor.Zeros([1000]))]);
        }
        using var features = FrameFeatures.Load(path, Device.Cpu);
        (features.Names.Frechet, features.ClassifierScore).ShouldBe(("frechet-inception-torchvision", "is-inception-torchvision"));
        features.Probabilities(new FeatureMatrix("given", 1, 2048, new double[2048])).Dimension.ShouldBe(1000);
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
    public void Run_WeightsMarkedAsRandom_PrintsNoNumberOfTheirs()
    {
        string weights = Save("raft.safetensors", p => new RaftModel(p, RaftConfig.Small), RandomWeights.Mark), clips = Directory.CreateDirectory(Path.Combine(_folder, "clips")).FullName;
        Gray(8, 3).Save(Path.Combine(clips, "a.mp4"));
        EvaluationReport report = ClipEvaluation.Run(new ClipEvaluationOptions { Clips = clips, Raft = weights }, Device.Cpu).Report;
        report.Sheet.Refused.Select(r => r.Metric).ShouldBe([FlowScores.DynamicDegree, FlowScores.WarpingError]);
        report.Sheet.Scores.ShouldNotContain(s => s.Metric == FlowScores.WarpingError);
        report.Clips.Single().Values.Keys.ShouldNotContain(FlowScores.WarpingError);
        report.ToJson().ShouldContain("marked as random");
    }

    [Fact]
    public void Video_WrongWeightsOrTooFewFrames_AreRefused()
    {
        string raft = Save("raft.safetensors", p => new RaftModel(p, RaftConfig.Small));
        Should.Throw<CheckpointException>(() => VideoFeatures.Load(raft, new VideoFeatureOptions(), Device.Cpu)).Message.ShouldContain("Conv3d_1a_7x7");
        Should.Throw<EvaluationException>(() => VideoFeatures.Load(raft, new VideoFeatureOptions(Frames: 4), Device.Cpu)).Message.ShouldContain("at least 10");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Save(string name, Func<ParameterPath, Module> build, IReadOnlyDictionary<string, string>? metadata = null)
    {
        string path = Path.Combine(_folder, name);
        var root = ParameterPath.Root(new InitializedParameters(1));
        using var store = root.Store;
        SafetensorsWriter.Write(path, build(root).Parameters().Select(p => KeyValuePair.Create(p.Name, p.Value)), metadata);
        return path;
    }

    private static Clip Gray(double fps, int frames) => new([.. Enumerable.Range(0, frames).Select(_ => new VideoFrame(32, 32, Enumerable.Repeat((byte)90, 32 * 32 * 3).ToArray()))], fps);
}
