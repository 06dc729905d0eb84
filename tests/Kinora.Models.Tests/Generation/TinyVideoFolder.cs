using System.Text.Json.Serialization.Metadata;
using Kinora.Engine;
using Kinora.Models.Generation;
using Kinora.Models.Systems.AnimateDiff;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Systems.ModelScope;
using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models.Systems.StableVideoDiffusion;

namespace Kinora.Models.Tests.Generation;

/// <summary>A whole folder of a public video system in diffusers' layout, with random weights at sizes that run in milliseconds. It goes away with the test.</summary>
internal sealed class TinyVideoFolder : IDisposable
{
    public const int Frames = 3, MaxMotionFrames = 8;
    private const int TextWidth = 16, Tokens = 12, ImageWidth = 16;
    private const string Weights = RandomModelFolder.DiffusersFile;

    private static readonly UNet2DConditionConfig Picture = new()
    {
        BlockOutChannels = [8, 16], LayersPerBlock = [1], NormNumGroups = 4, AttentionHeadDim = [2], CrossAttentionDim = [TextWidth],
        DownBlockTypes = ["CrossAttnDownBlock2D", "DownBlock2D"], UpBlockTypes = ["UpBlock2D", "CrossAttnUpBlock2D"],
    };

    private readonly RandomModelFolder _folder = new(Directory.CreateTempSubdirectory("kinora-tiny-video-").FullName);

    private TinyVideoFolder()
    {
    }

    /// <summary>The model folder.</summary>
    public string Path => _folder.Path;

    public static TinyVideoFolder StableVideoDiffusion()
    {
        var folder = new TinyVideoFolder();
        var unet = new UNetSpatioTemporalConfig
        {
            BlockOutChannels = [32, 32], NumAttentionHeads = [2], LayersPerBlock = [1], CrossAttentionDim = [ImageWidth], AdditionTimeEmbedDim = 8, ProjectionClassEmbeddingsInputDim = 24, NumFrames = Frames,
            DownBlockTypes = ["CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"], UpBlockTypes = ["UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"],
        };
        var vae = new TemporalAutoencoderConfig { BlockOutChannels = [32, 32], LayersPerBlock = 1, DownBlockTypes = ["DownEncoderBlock2D", "DownEncoderBlock2D"] };
        var vision = new ClipVisionConfig { HiddenSize = 16, IntermediateSize = 24, ProjectionDim = ImageWidth, NumHiddenLayers = 1, NumAttentionHeads = 2, ImageSize = 16, PatchSize = 8 };
        folder.Add("unet", Weights, unet, StableVideoDiffusionJson.Default.UNetSpatioTemporalConfig, path => new UNetSpatioTemporal(path, unet));
        folder.Add("vae", Weights, vae, StableVideoDiffusionJson.Default.TemporalAutoencoderConfig, path => new TemporalAutoencoder(path, vae));
        folder.Add("image_encoder", "model.safetensors", vision, ClipJson.Default.ClipVisionConfig, path => new ClipVisionModelWithProjection(path, vision));
        folder.Write("feature_extractor", "preprocessor_config.json", """{ "do_resize": true, "size": { "shortest_edge": 16 }, "crop_size": 16 }""");
        folder.Write("scheduler", "scheduler_config.json", """
            { "_class_name": "EulerDiscreteScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "prediction_type": "v_prediction", "sigma_min": 0.002, "sigma_max": 700.0,
              "steps_offset": 1, "timestep_spacing": "leading", "timestep_type": "continuous", "use_karras_sigmas": true }
            """);
        return folder.Index("StableVideoDiffusionPipeline");
    }

    public static TinyVideoFolder AnimateDiff()
    {
        var folder = new TinyVideoFolder();
        var motion = new MotionAdapterConfig { BlockOutChannels = [8, 16], MotionLayersPerBlock = [1], MotionNormNumGroups = 4, MotionNumAttentionHeads = [2], MotionMaxSeqLength = MaxMotionFrames };
        folder.Add("unet", Weights, Picture, StableDiffusionJson.Default.UNet2DConditionConfig, path => new UNet2DCondition(path, Picture));
        folder.Add("motion_adapter", Weights, motion, AnimateDiffJson.Default.MotionAdapterConfig, path => new MotionAdapter(path, motion));
        return folder.AddTextAndVae().Index("AnimateDiffPipeline");
    }

    public static TinyVideoFolder StableDiffusion()
    {
        var folder = new TinyVideoFolder();
        folder.Add("unet", Weights, Picture, StableDiffusionJson.Default.UNet2DConditionConfig, path => new UNet2DCondition(path, Picture));
        return folder.AddTextAndVae().Index("StableDiffusionPipeline");
    }

    /// <summary>A latent consistency model: the U-Net reads the guidance scale, and four steps are enough.</summary>
    public static TinyVideoFolder LatentConsistency()
    {
        var folder = new TinyVideoFolder();
        UNet2DConditionConfig unet = Picture with { TimeCondProjDim = 8 };
        folder.Add("unet", Weights, unet, StableDiffusionJson.Default.UNet2DConditionConfig, path => new UNet2DCondition(path, unet));
        folder.AddTextAndVae();
        folder.Write("scheduler", "scheduler_config.json", """
            { "_class_name": "LCMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": false, "set_alpha_to_one": true, "original_inference_steps": 50 }
            """);
        return folder.Index("LatentConsistencyModelPipeline");
    }

    /// <summary>The refiner of XL: the second text encoder alone, and a rating among the numbers that the U-Net reads.</summary>
    public static TinyVideoFolder XlRefiner()
    {
        const int TimeWidth = 8, Numbers = 5;
        var folder = new TinyVideoFolder();
        UNet2DConditionConfig unet = Picture with { AdditionEmbedType = "text_time", AdditionTimeEmbedDim = TimeWidth, ProjectionClassEmbeddingsInputDim = TextWidth + Numbers * TimeWidth };
        folder.Add("unet", Weights, unet, StableDiffusionJson.Default.UNet2DConditionConfig, path => new UNet2DCondition(path, unet));
        return folder.AddTextAndVae(second: true).Index("StableDiffusionXLImg2ImgPipeline", "\"requires_aesthetics_score\": true, ");
    }

    public static TinyVideoFolder ModelScope()
    {
        var folder = new TinyVideoFolder();
        var unet = new UNet3DConfig
        {
            BlockOutChannels = [8, 16], LayersPerBlock = 1, NormNumGroups = 4, AttentionHeadDim = [4], CrossAttentionDim = TextWidth,
            DownBlockTypes = ["CrossAttnDownBlock3D", "DownBlock3D"], UpBlockTypes = ["UpBlock3D", "CrossAttnUpBlock3D"],
        };
        folder.Add("unet", Weights, unet, ModelScopeJson.Default.UNet3DConfig, path => new UNet3D(path, unet));
        return folder.AddTextAndVae().Index("TextToVideoSDPipeline");
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);

    // The second encoder of XL has a projection; it stands in for the first, which the refiner lacks.
    private TinyVideoFolder AddTextAndVae(bool second = false)
    {
        int vocabulary = _folder.AddClipTokenizer(second ? "tokenizer_2" : "tokenizer");
        var text = new ClipTextConfig { VocabSize = vocabulary, HiddenSize = TextWidth, IntermediateSize = 24, NumHiddenLayers = 1, NumAttentionHeads = 2, MaxPositionEmbeddings = Tokens, EosTokenId = vocabulary - 1 };
        var vae = new AutoencoderKlConfig
        {
            BlockOutChannels = [8, 16], LayersPerBlock = 1, NormNumGroups = 4, DownBlockTypes = ["DownEncoderBlock2D", "DownEncoderBlock2D"], UpBlockTypes = ["UpDecoderBlock2D", "UpDecoderBlock2D"],
        };
        if (second)
        {
            text = text with { ProjectionDim = TextWidth };
            Add("text_encoder_2", "model.safetensors", text, ClipJson.Default.ClipTextConfig, path => new ClipTextModelWithProjection(path, text));
        }
        else
        {
            Add("text_encoder", "model.safetensors", text, ClipJson.Default.ClipTextConfig, path => new ClipTextModel(path, text));
        }
        Add("vae", Weights, vae, StableDiffusionJson.Default.AutoencoderKlConfig, path => new AutoencoderKl(path, vae));
        Write("scheduler", "scheduler_config.json", """
            { "_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "linear", "clip_sample": false, "steps_offset": 1, "timestep_spacing": "leading" }
            """);
        return this;
    }

    private void Add<T>(string component, string file, T config, JsonTypeInfo<T> type, Func<ParameterPath, Module> build) => _folder.Add(component, file, config, type, build);

    private void Write(string component, string file, string text) => _folder.Write(component, file, text);

    private TinyVideoFolder Index(string className, string more = "")
    {
        _folder.Index(className, more: more);
        return this;
    }
}
