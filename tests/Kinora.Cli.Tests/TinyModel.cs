// A complete kinora-world folder of a few thousand random weights: everything real but the training.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Models.Text;

namespace Kinora.Cli.Tests;

/// <summary>Written once per test run, in a folder of its own; copies are for damaging.</summary>
public sealed class TinyModel : IDisposable
{
    public const int Size = 32, Frames = 5;
    private const string DiffusionWeights = "diffusion_pytorch_model.safetensors";
    private const string EncoderWeights = "model.safetensors";
    private const int MaxTokens = 64;

    public TinyModel()
    {
        Base = Directory.CreateTempSubdirectory("kinora-cli-").FullName;
        Folder = Path.Combine(Base, "tiny");
        var tokenizer = ByteLevelBpeTokenizer.Train(["a red balloon rises over a night city"], 300);
        tokenizer.Save(Component("tokenizer"), MaxTokens);
        var codec = VideoAutoencoderConfig.Create([8, 8, 8], [1, 1, 1], [1, 1, 1], 4);
        var transformer = VideoTransformerConfig.Small with { InChannels = 4, LatentStd = [1, 1, 1, 1], NumLayers = 1, NumAttentionHeads = 1, AttentionHeadDim = 32, CaptionChannels = 16, CrossAttentionDim = 32, FreqDim = 32 };
        var text = TextEncoderConfig.Small(tokenizer.VocabularySize) with { MaxPositionEmbeddings = MaxTokens, HiddenSize = 16, IntermediateSize = 32, NumHiddenLayers = 1, NumAttentionHeads = 1 };
        Write("vae", DiffusionWeights, path => new VideoAutoencoder(path, codec));
        Write("transformer", DiffusionWeights, path => new VideoTransformer(path, transformer));
        Write("text_encoder", EncoderWeights, path => new TextEncoder(path, text));
        ModelConfigJson.WriteFile(Path.Combine(Component("vae"), "config.json"), codec, KinoraWorldJson.Default.VideoAutoencoderConfig);
        ModelConfigJson.WriteFile(Path.Combine(Component("transformer"), "config.json"), transformer, KinoraWorldJson.Default.VideoTransformerConfig);
        ModelConfigJson.WriteFile(Path.Combine(Component("text_encoder"), "config.json"), text, KinoraWorldJson.Default.TextEncoderConfig);
        ModelConfigJson.WriteFile(Path.Combine(Component("scheduler"), "scheduler_config.json"),
            new FlowSchedulerConfig { ClassName = FlowSchedulerConfig.Name, NumTrainTimesteps = 1000, Shift = 3 }, KinoraWorldJson.Default.FlowSchedulerConfig);
        ModelFolder.WriteIndex(Folder, KinoraWorldIndex.Create(new KinoraWorldDefaults
        {
            Model = "tiny", Width = Size, Height = Size, Frames = Frames, FrameRate = 8, MaxPromptTokens = MaxTokens, Sampler = "euler", Steps = 2, Guidance = 3, GuidanceRescale = 0,
        }));
    }

    /// <summary>A folder for output, removed at the end.</summary>
    public string Base { get; }

    /// <summary>The model.</summary>
    public string Folder { get; }

    public static string WeightsOf(string folder, string component) => Path.Combine(folder, component, component == "text_encoder" ? EncoderWeights : DiffusionWeights);

    /// <summary>A copy that a test may damage.</summary>
    public string Copy(string name)
    {
        string copy = Path.Combine(Base, name);
        foreach (string file in Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(copy, Path.GetRelativePath(Folder, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        return copy;
    }

    public void Dispose() => Directory.Delete(Base, recursive: true);

    private void Write(string component, string file, Func<ParameterPath, Module> build)
    {
        var root = ParameterPath.Root(new InitializedParameters(1));
        var module = build(root);
        SafetensorsWriter.Write(Path.Combine(Component(component), file), module.Parameters().Select(p => KeyValuePair.Create(p.Name, p.Value)), metadata: null, DType.BFloat16);
        root.Store.Dispose();
    }

    private string Component(string name) => Directory.CreateDirectory(Path.Combine(Folder, name)).FullName;
}
