using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Models.Text;

namespace Kinora.Evaluation.Tests;

/// <summary>A kinora-world model of random weights, small enough to run in a test; its clips must score near guessing.</summary>
internal static class RandomWorldModel
{
    private const int MaxTokens = 64;

    /// <summary>Writes the model into a folder, which it returns.</summary>
    public static string Write(string model, int size = 64, string name = "random")
    {
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
            Model = name, Width = size, Height = size, Frames = 17, FrameRate = 8, MaxPromptTokens = MaxTokens, Sampler = "euler", Steps = 2, Guidance = 3, GuidanceRescale = 0,
        }));
        return model;
    }
}
