// The whole measurement with the probe that ships and a model of random weights, which must score near guessing.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Probes;
using Kinora.Evaluation.Quality;
using Kinora.Models;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Models.Text;

namespace Kinora.Evaluation.Tests;

public sealed class QualityBenchTests : IDisposable
{
    private const int MaxTokens = 64;
    private readonly string _folder = Directory.CreateTempSubdirectory("kinora-quality-").FullName;

    [Fact]
    public void ShippedProbe_RealClips_PassesTheGate()
    {
        var probe = ProbeFolder.Load(ShippedProbe.Folder, Device.Cpu);
        using var store = probe.Path.Store;
        var row = ProbeGate.Check(probe, ProbeGate.RealClips(probe.Config, 100, 0), Device.Cpu);
        row.Scores.Where(s => s.Attribute != ScoreRow.All).ShouldAllBe(s => s.Share >= ProbeGate.Required);
    }

    [Fact]
    public void Run_RandomModel_ScoresNearGuessingAndWritesTheReport()
    {
        string model = WriteModel();
        var result = QualityBench.Run(ModelFolder.Open(model), ShippedProbe.Folder, new QualityOptions { Prompts = 50, RealClips = 50, Seed = 0, Steps = 1, BatchSize = 25 }, Device.Cpu, DType.Float32);
        result.Report.Generated["noun"].Share.ShouldBeLessThan(0.3);
        result.Report.Rows.Select(r => r.Name).ShouldBe(["generated", "codec", "real"]);
        result.Report.Passport.ModelSha256.ShouldBe(ModelFolder.Open(model).Sha256());

        string report = Path.Combine(_folder, "report");
        QualityFolder.Write(report, result);
        Directory.GetFiles(Path.Combine(report, "clips")).Length.ShouldBe(50);
        QualityReport.FromJson(File.ReadAllText(Path.Combine(report, "report.json"))).Clips.Count.ShouldBe(50);
        File.ReadAllText(Path.Combine(report, "index.html")).ShouldContain("data:video/mp4;base64,");
        ScoreCard.UpdateFile(model, result.Report);
        File.ReadAllText(Path.Combine(model, "README.md")).ShouldContain(ScoreCard.Begin);
    }

    [Fact]
    public void Run_ModelOfAnotherSize_IsRefusedBeforeAnyWork()
    {
        string model = WriteModel(size: 32);
        Should.Throw<ConfigException>(() => QualityBench.Run(ModelFolder.Open(model), ShippedProbe.Folder, new QualityOptions { Prompts = 50 }, Device.Cpu, DType.Float32)).Message.ShouldContain("32×32");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string WriteModel(int size = 64)
    {
        string model = Path.Combine(_folder, "model");
        string Component(string name) => Directory.CreateDirectory(Path.Combine(model, name)).FullName;
        var tokenizer = ByteLevelBpeTokenizer.Train(["a red balloon moves up over a night city"], 300);
        tokenizer.Save(Component("tokenizer"), MaxTokens);
        var vae = VideoAutoencoderConfig.Create([8, 8, 8], [1, 1, 1], [1, 1, 1], 4);
        var transformer = VideoTransformerConfig.Small with { InChannels = 4, LatentStd = [1, 1, 1, 1], NumLayers = 1, NumAttentionHeads = 1, AttentionHeadDim = 32, CaptionChannels = 16, CrossAttentionDim = 32, FreqDim = 32 };
        var text = TextEncoderConfig.Small(tokenizer.VocabularySize) with { MaxPositionEmbeddings = MaxTokens, HiddenSize = 16, IntermediateSize = 32, NumHiddenLayers = 1, NumAttentionHeads = 1 };
        void Write(string path, Func<ParameterPath, Module> build)
        {
            var root = ParameterPath.Root(new InitializedParameters(1));
            using var store = root.Store;
            SafetensorsWriter.Write(path, build(root).Parameters().Select(p => KeyValuePair.Create(p.Name, p.Value)), metadata: null, DType.BFloat16);
        }

        Write(Path.Combine(Component("vae"), "diffusion_pytorch_model.safetensors"), path => new VideoAutoencoder(path, vae));
        Write(Path.Combine(Component("transformer"), "diffusion_pytorch_model.safetensors"), path => new VideoTransformer(path, transformer));
        Write(Path.Combine(Component("text_encoder"), "model.safetensors"), path => new TextEncoder(path, text));
        ModelConfigJson.WriteFile(Path.Combine(Component("vae"), "config.json"), vae, KinoraWorldJson.Default.VideoAutoencoderConfig);
        ModelConfigJson.WriteFile(Path.Combine(Component("transformer"), "config.json"), transformer, KinoraWorldJson.Default.VideoTransformerConfig);
        ModelConfigJson.WriteFile(Path.Combine(Component("text_encoder"), "config.json"), text, KinoraWorldJson.Default.TextEncoderConfig);
        ModelConfigJson.WriteFile(Path.Combine(Component("scheduler"), "scheduler_config.json"), new FlowSchedulerConfig { ClassName = FlowSchedulerConfig.Name, NumTrainTimesteps = 1000, Shift = 3 }, KinoraWorldJson.Default.FlowSchedulerConfig);
        ModelFolder.WriteIndex(model, KinoraWorldIndex.Create(new KinoraWorldDefaults
        {
            Model = "random", Width = size, Height = size, Frames = 17, FrameRate = 8, MaxPromptTokens = MaxTokens, Sampler = "euler", Steps = 2, Guidance = 3, GuidanceRescale = 0,
        }));
        return model;
    }
}
