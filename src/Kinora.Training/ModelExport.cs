// The model folder, filled stage by stage in the diffusers layout: averaged weights in bfloat16, one folder per component.

using System.Globalization;
using System.Text;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Models.Text;
using Kinora.Training.Data;
using Kinora.Training.Loop;
using Kinora.Training.Recipes;

namespace Kinora.Training;

/// <summary>Writes and reads the components of a model folder.</summary>
internal static class ModelExport
{
    private const string DiffusionWeights = "diffusion_pytorch_model.safetensors";
    private const string EncoderWeights = "model.safetensors";
    private const string ConfigFile = "config.json";

    public static void WriteCodec(string model, VideoAutoencoder autoencoder)
    {
        string folder = Component(model, "vae");
        WriteWeights(Path.Combine(folder, DiffusionWeights), autoencoder, "");
        ModelConfigJson.WriteFile(Path.Combine(folder, ConfigFile), autoencoder.Config, KinoraWorldJson.Default.VideoAutoencoderConfig);
    }

    /// <summary>Puts the latents' mean and scale into the codec's configuration.</summary>
    public static void WriteLatentScale(string model, LatentIndex index, double whitening)
    {
        string path = Path.Combine(Component(model, "vae"), ConfigFile);
        var config = ModelConfigJson.ReadFile(path, KinoraWorldJson.Default.VideoAutoencoderConfig);
        ModelConfigJson.WriteFile(path, config with { LatentsMean = index.Mean, LatentsStd = index.Scales(whitening) }, KinoraWorldJson.Default.VideoAutoencoderConfig);
    }

    /// <summary>The codec as it ships. The caller frees the parameters' store.</summary>
    public static VideoAutoencoder ReadCodec(string model, Device device)
    {
        string folder = Path.Combine(model, "vae");
        var config = ModelConfigJson.ReadFile(Path.Combine(folder, ConfigFile), KinoraWorldJson.Default.VideoAutoencoderConfig);
        var root = ParameterPath.Root(new InitializedParameters(0), DType.Float32, device);
        var autoencoder = new VideoAutoencoder(root, config);
        ReadWeights(Path.Combine(folder, DiffusionWeights), autoencoder);
        return autoencoder;
    }

    /// <summary>Puts the weights of the model folder's codec into <paramref name="autoencoder"/>.</summary>
    public static void ReadCodec(string model, VideoAutoencoder autoencoder) => ReadWeights(Path.Combine(model, "vae", DiffusionWeights), autoencoder);

    public static void WriteTokenizer(string model, ByteLevelBpeTokenizer tokenizer, int maxTokens) => tokenizer.Save(Component(model, "tokenizer"), maxTokens);

    public static ByteLevelBpeTokenizer? FindTokenizer(string model)
    {
        string folder = Path.Combine(model, "tokenizer");
        return File.Exists(Path.Combine(folder, "tokenizer.json")) ? ByteLevelBpeTokenizer.Load(folder) : null;
    }

    public static void WriteTextEncoder(string model, TextEncoder encoder)
    {
        string folder = Component(model, "text_encoder");
        WriteWeights(Path.Combine(folder, EncoderWeights), encoder, encoder.Path.Prefix);
        ModelConfigJson.WriteFile(Path.Combine(folder, ConfigFile), encoder.Config, KinoraWorldJson.Default.TextEncoderConfig);
    }

    public static void ReadTextEncoder(string model, TextEncoder encoder) => ReadWeights(Path.Combine(model, "text_encoder", EncoderWeights), encoder);

    public static void WriteTransformer(string model, VideoTransformer transformer)
    {
        string folder = Component(model, "transformer");
        WriteWeights(Path.Combine(folder, DiffusionWeights), transformer, transformer.Path.Prefix);
        ModelConfigJson.WriteFile(Path.Combine(folder, ConfigFile), transformer.Config, KinoraWorldJson.Default.VideoTransformerConfig);
    }

    /// <summary>The schedule that sampling starts from, in diffusers' words.</summary>
    public static void WriteScheduler(string model, FlowRecipe flow)
    {
        string text = string.Create(CultureInfo.InvariantCulture, $"{{\n  \"_class_name\": \"FlowMatchEulerDiscreteScheduler\",\n  \"num_train_timesteps\": 1000,\n  \"shift\": {flow.Shift}\n}}\n");
        File.WriteAllText(Path.Combine(Component(model, "scheduler"), "scheduler_config.json"), text, new UTF8Encoding(false));
    }

    /// <summary>The index, last of all: with it the folder is a model.</summary>
    public static void WriteIndex(string model, Recipe recipe) => ModelFolder.WriteIndex(model, KinoraWorldIndex.Create(new KinoraWorldDefaults
    {
        Model = recipe.Name,
        Width = recipe.World.Width,
        Height = recipe.World.Height,
        Frames = recipe.World.Frames,
        FrameRate = recipe.World.FrameRate,
        MaxPromptTokens = recipe.Text.CaptionTokens,
        Sampler = "unipc",
        Steps = recipe.Generator.SampleSteps,
        Guidance = recipe.Generator.SampleGuidance,
        GuidanceRescale = 0,
    }));

    private static string Component(string model, string name)
    {
        string folder = Path.Combine(model, name);
        Directory.CreateDirectory(folder);
        return folder;
    }

    private static void WriteWeights(string path, Module module, string prefix)
        => SafetensorsWriter.Write(path, module.Parameters().Select(p => KeyValuePair.Create(Local(p.Name, prefix), p.Value)), new Dictionary<string, string>(StringComparer.Ordinal) { ["format"] = "pt" }, DType.BFloat16);

    private static void ReadWeights(string path, Module module)
    {
        using var file = SafetensorsFile.Open(path);
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        foreach (var (name, value) in module.Parameters())
        {
            string local = Local(name, module.Path.Prefix);
            if (!file.Tensors.TryGetValue(local, out var stored) || !stored.Shape.SequenceEqual(value.Shape))
                throw new CheckpointException($"{path}: `{local}` of shape [{string.Join(", ", value.Shape)}] expected, got {stored?.ToString() ?? "nothing"}. The recipe's network changed since; start a new run folder.");
            value.CopyInPlace(file.Read(local, DType.Float32));
        }
    }

    private static string Local(string name, string prefix) => prefix.Length == 0 ? name : name[(prefix.Length + 1)..];
}
