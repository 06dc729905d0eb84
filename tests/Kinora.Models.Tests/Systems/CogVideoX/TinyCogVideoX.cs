using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Systems.CogVideoX;
using Kinora.Models.Systems.T5;
using Kinora.Models.Text;

namespace Kinora.Models.Tests.Systems.CogVideoX;

/// <summary>A CogVideoX model folder with random weights, in the layout of the published ones. It goes away with the test.</summary>
internal sealed class TinyCogVideoX : IDisposable
{
    private const string Scheduler = """
        {"_class_name": "CogVideoXDDIMScheduler", "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": false,
         "num_train_timesteps": 1000, "prediction_type": "v_prediction", "rescale_betas_zero_snr": true, "set_alpha_to_one": true,
         "snr_shift_scale": 3.0, "steps_offset": 0, "timestep_spacing": "trailing"}
        """;

    private static readonly CogVideoXAutoencoderConfig Autoencoder = CogVideoXAutoencoderConfig.TwoB with
    {
        BlockOutChannels = [8, 8, 8, 8], LayersPerBlock = 1, LatentChannels = 4, NormNumGroups = 2, SampleHeight = 32, SampleWidth = 48,
    };

    private static readonly CogVideoXTransformerConfig Transformer = CogVideoXTransformerConfig.TwoB with
    {
        NumAttentionHeads = 2, AttentionHeadDim = 16, NumLayers = 1, InChannels = 4, OutChannels = 4, TimeEmbedDim = 16, TextEmbedDim = 12, MaxTextSeqLength = 24,
        SampleHeight = 4, SampleWidth = 6, SampleFrames = 9,
    };

    /// <param name="className">The pipeline's class.</param>
    /// <param name="change">Turns the 2B transformer's configuration into the one wanted.</param>
    public TinyCogVideoX(string className = "CogVideoXPipeline", Func<CogVideoXTransformerConfig, CogVideoXTransformerConfig>? change = null)
    {
        var transformer = change is null ? Transformer : change(Transformer);
        var tokenizer = ByteLevelBpeTokenizer.Train(["a red balloon rises over a night city", "a blue balloon rises over a night city"], 300);
        tokenizer.Save(Component("tokenizer"), 24);
        var text = new T5Config { VocabSize = tokenizer.VocabularySize, DModel = 12, DKv = 6, DFf = 16, NumLayers = 1, NumHeads = 2, FeedForwardProj = "gated-gelu" };
        Save("transformer", "diffusion_pytorch_model.safetensors", p => new CogVideoXTransformer(p, transformer));
        Save("vae", "diffusion_pytorch_model.safetensors", p => new CogVideoXAutoencoder(p, Autoencoder));
        Save("text_encoder", "model.safetensors", p => new T5EncoderModel(p, text));
        ModelConfigJson.WriteFile(Path.Combine(Component("transformer"), "config.json"), transformer, CogVideoXJson.Default.CogVideoXTransformerConfig);
        ModelConfigJson.WriteFile(Path.Combine(Component("vae"), "config.json"), Autoencoder, CogVideoXJson.Default.CogVideoXAutoencoderConfig);
        ModelConfigJson.WriteFile(Path.Combine(Component("text_encoder"), "config.json"), text, T5Json.Default.T5Config);
        File.WriteAllText(Path.Combine(Component("scheduler"), "scheduler_config.json"), Scheduler);
        File.WriteAllText(Path.Combine(Folder, ModelFolder.IndexFile), $$"""
            {"_class_name": "{{className}}", "_diffusers_version": "0.31.0", "scheduler": ["diffusers", "CogVideoXDDIMScheduler"], "text_encoder": ["transformers", "T5EncoderModel"],
             "tokenizer": ["transformers", "T5Tokenizer"], "transformer": ["diffusers", "CogVideoXTransformer3DModel"], "vae": ["diffusers", "AutoencoderKLCogVideoX"]}
            """);
    }

    /// <summary>The model folder.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("kinora-tiny-cogvideox-").FullName;

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private string Component(string name) => Directory.CreateDirectory(Path.Combine(Folder, name)).FullName;

    private void Save(string component, string file, Func<ParameterPath, Module> build)
    {
        Module module = build(ParameterPath.Root(new InitializedParameters(1)));
        SafetensorsWriter.Write(Path.Combine(Component(component), file), module.Parameters().Select(p => KeyValuePair.Create(p.Name, p.Value)), floatsAs: DType.BFloat16);
        module.Path.Store.Dispose();
    }
}
