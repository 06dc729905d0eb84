using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Models.Text;

namespace Kinora.Models.Tests.Generation;

/// <summary>A whole model folder with random weights: real networks at sizes that run in milliseconds. It goes away with the test.</summary>
internal sealed class TinyModel : IDisposable
{
    public const string Name = "tiny";

    private static readonly VideoAutoencoderConfig Autoencoder = VideoAutoencoderConfig.Create([8, 16, 16], [1, 1, 1], [1, 1, 1], 8) with
    {
        LatentsMean = [.. Enumerable.Range(0, 8).Select(i => 0.1 * i)], LatentsStd = [.. Enumerable.Range(0, 8).Select(i => 0.5 + 0.1 * i)],
    };

    private static readonly VideoTransformerConfig Transformer = VideoTransformerConfig.Small with
    {
        InChannels = 8, LatentStd = [1, 0.5, 1.5, 0.25, 1, 1, 0.75, 0.125], NumLayers = 2, NumAttentionHeads = 2, AttentionHeadDim = 32, CaptionChannels = 32, CrossAttentionDim = 40, FreqDim = 32,
    };

    public TinyModel(ulong seed = 1)
    {
        string[] corpus = [.. Enumerable.Range(0, 50).Select(i => $"a {(i % 2 == 0 ? "red" : "blue")} balloon rises over a night city")];
        var tokenizer = ByteLevelBpeTokenizer.Train(corpus, 320);
        tokenizer.Save(Component("tokenizer"), 24);
        var text = TextEncoderConfig.Small(tokenizer.VocabularySize) with { HiddenSize = 32, IntermediateSize = 48, NumHiddenLayers = 1, NumAttentionHeads = 2, MaxPositionEmbeddings = 24 };
        Save("transformer", "diffusion_pytorch_model.safetensors", p => new VideoTransformer(p, Transformer), seed);
        Save("vae", "diffusion_pytorch_model.safetensors", p => new VideoAutoencoder(p, Autoencoder), seed + 1);
        Save("text_encoder", "model.safetensors", p => new TextEncoder(p, text), seed + 2);
        ModelConfigJson.WriteFile(Path.Combine(Component("transformer"), "config.json"), Transformer, KinoraWorldJson.Default.VideoTransformerConfig);
        ModelConfigJson.WriteFile(Path.Combine(Component("vae"), "config.json"), Autoencoder, KinoraWorldJson.Default.VideoAutoencoderConfig);
        ModelConfigJson.WriteFile(Path.Combine(Component("text_encoder"), "config.json"), text, KinoraWorldJson.Default.TextEncoderConfig);
        var scheduler = new FlowSchedulerConfig { ClassName = FlowSchedulerConfig.Name, NumTrainTimesteps = 1000, Shift = 2 };
        ModelConfigJson.WriteFile(Path.Combine(Component("scheduler"), "scheduler_config.json"), scheduler, KinoraWorldJson.Default.FlowSchedulerConfig);
        ModelFolder.WriteIndex(Folder, KinoraWorldIndex.Create(new KinoraWorldDefaults
        {
            Model = Name, Width = 32, Height = 32, Frames = 9, FrameRate = 8, MaxPromptTokens = 24, Sampler = "unipc", Steps = 3, Guidance = 2, GuidanceRescale = 0,
        }));
    }

    /// <summary>The model folder.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("kinora-tiny-model-").FullName;

    public string Component(string name)
    {
        string folder = Path.Combine(Folder, name);
        Directory.CreateDirectory(folder);
        return folder;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private void Save(string component, string file, Func<ParameterPath, Module> build, ulong seed)
    {
        Module module = build(ParameterPath.Root(new Randomized(seed)));
        SafetensorsWriter.Write(Path.Combine(Component(component), file), module.Parameters().Select(p => KeyValuePair.Create(p.Name, p.Value)), floatsAs: DType.BFloat16);
        module.Path.Store.Dispose();
    }

    // Freshly initialized networks are the identity by design (zero gates); here every parameter is drawn, so that all of them matter.
    private sealed class Randomized(ulong seed) : IParameterSource
    {
        private readonly InitializedParameters _source = new(seed);

        public bool Trainable => false;

        public Tensor Get(string fullName, ReadOnlySpan<long> shape, Init init, DType dtype, Device device) =>
            _source.Get(fullName, shape, shape.Length < 2 ? Init.Normal(0.5) : Init.Normal(1 / Math.Sqrt(shape[^1] * (shape.Length > 2 ? shape[^2] : 1))), dtype, device);
    }
}
