// The index of a model that is put together from files: which pipeline its networks make, and what else model_index.json would say.
// Sources: huggingface/diffusers d035dcd7, pipelines (class names and keys); Wan-Video/Wan2.2, wan/configs (boundaries of the two experts).

using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Kinora.Engine;
using Kinora.Models.Generation;
using Kinora.Models.Systems.CogVideoX;
using Kinora.Models.Systems.Ltx;
using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models.Systems.Wan;

namespace Kinora.Models;

/// <summary>Works out indexes.</summary>
internal static class PipelineIndex
{
    /// <summary>Stable Diffusion with motion modules.</summary>
    public const string AnimateDiff = "AnimateDiffPipeline";

    private const string ClassKey = "_class_name", Xl = "StableDiffusionXL", Refiner = "StableDiffusionXLImg2ImgPipeline", TextToVideoBoundary = "0.875", ImageToVideoBoundary = "0.9";

    private const int RefinerAdded = 1280 + 5 * 256;

    /// <summary>The index of a model's components.</summary>
    /// <param name="model">The components; its own index says nothing yet.</param>
    /// <param name="published">A model folder whose index is taken over as far as it is of the same system; null for none.</param>
    /// <param name="isBase">Whether that folder is the model itself, with other components in the place of some.</param>
    /// <exception cref="ConfigException">The components make no pipeline.</exception>
    public static ConfigText Of(ModelFolder model, ModelFolder? published, bool isBase)
    {
        string className = isBase ? ClassOfFolder(model, published!) : ClassOfNetworks(model);
        bool isSame = published is not null && Family(published.ClassName) == Family(className);
        if (published is not null && !isSame)
        {
            throw new ConfigException($"{published.Path} is a {published.ClassName} model, {model.Path} makes a {className}. Take single components from it: --component NAME={Path.Combine(published.Path, "NAME")}.");
        }
        JsonObject index = isSame ? JsonNode.Parse(published!.IndexText().Utf8.Span)!.AsObject() : [];
        index[ClassKey] = className;
        foreach (var (name, component) in model.Components)
        {
            if (published?.Components.GetValueOrDefault(name) != component || !isSame)
            {
                index[name] = new JsonArray(name.StartsWith("text", StringComparison.Ordinal) || name.StartsWith("token", StringComparison.Ordinal) ? "transformers" : "diffusers", component);
            }
        }
        if (!isSame)
        {
            AddSettings(model, className, index);
        }
        return new ConfigText(isSame ? published!.IndexText().Source : model.IndexText().Source, Encoding.UTF8.GetBytes(index.ToJsonString()));
    }

    private static string ClassOfFolder(ModelFolder model, ModelFolder published)
    {
        if (!model.Has("motion_adapter") || published.ClassName == AnimateDiff)
        {
            return published.ClassName;
        }
        return published.ClassName == "StableDiffusionPipeline" ? AnimateDiff
            : throw new ConfigException($"{model.Path} is a {published.ClassName} model; a motion adapter goes with a StableDiffusionPipeline.");
    }

    private static string ClassOfNetworks(ModelFolder model)
    {
        string? denoiser = model.Components.GetValueOrDefault("transformer") ?? model.Components.GetValueOrDefault("unet");
        return denoiser switch
        {
            UNet2DConditionConfig.Name when model.Has("motion_adapter") => AnimateDiff,
            UNet2DConditionConfig.Name when IsRefiner(model) => Refiner,
            UNet2DConditionConfig.Name when UNet2DConditionConfig.Read(model.Config("unet")).AdditionEmbedType is not null => "StableDiffusionXLPipeline",
            UNet2DConditionConfig.Name => "StableDiffusionPipeline",
            "UNetSpatioTemporalConditionModel" => "StableVideoDiffusionPipeline",
            "UNet3DConditionModel" => "TextToVideoSDPipeline",
            WanTransformerConfig.Name => WanConfig(model) is { InChannels: var read, OutChannels: var made } && read != made ? WanPipelineIndex.ImageToVideo : WanPipelineIndex.TextToVideo,
            LtxTransformerConfig.Name => model.Has("vae") && LtxVae(model).FoldsDown ? LtxPipelineIndex.Condition : LtxPipelineIndex.TextToVideo,
            CogVideoXTransformerConfig.Name => CogConfig(model) is { InChannels: var read, OutChannels: var made } && read != made ? "CogVideoXImageToVideoPipeline" : "CogVideoXPipeline",
            null when model.Components.Count == 1 && model.Has("controlnet") => throw new ConfigException($"{model.Path} is a ControlNet: it controls a model of Stable Diffusion, which is given as --model, this as --controlnet {model.Path} and the controlling picture as --control."),
            null => throw new ConfigException($"{model.Path} holds {string.Join(", ", model.Components.Keys.Order(StringComparer.Ordinal))} and no network that makes clips. Give the file or folder of such a network as --model, and this as {string.Join(' ', model.Components.Keys.Order(StringComparer.Ordinal).Select(name => $"--component {name}={model.Path}"))}."),
            _ => throw new ConfigException($"{model.Path}: this version of Kinora runs no pipeline around a {denoiser}."),
        };
    }

    // Systems whose components may stand for each other's.
    private static (IGenerationSystem? System, bool IsXl) Family(string className) =>
        (GenerationSystems.Find(className == AnimateDiff ? "StableDiffusionPipeline" : className), className.StartsWith(Xl, StringComparison.Ordinal));

    private static void AddSettings(ModelFolder model, string className, JsonObject index)
    {
        if (className == Refiner)
        {
            index["requires_aesthetics_score"] = true;
            index["force_zeros_for_empty_prompt"] = false;
        }
        if (className is not (WanPipelineIndex.TextToVideo or WanPipelineIndex.ImageToVideo))
        {
            return;
        }
        if (model.Has("transformer_2"))
        {
            index["boundary_ratio"] = JsonNode.Parse(className == WanPipelineIndex.TextToVideo ? TextToVideoBoundary : ImageToVideoBoundary);
        }
        // Only the autoencoder of TI2V-5B folds its pixels, and only that model gives every token a noise level of its own.
        index["expand_timesteps"] = model.Has("vae") && WanVae(model).Patch > 1;
    }

    // Five numbers of 256 phases beside the pooled text, where the base has six: its last is a rating of the picture.
    private static bool IsRefiner(ModelFolder model) =>
        model.Has("text_encoder_2") && !model.Has("text_encoder") && UNet2DConditionConfig.Read(model.Config("unet")) is { AdditionEmbedType: not null, ProjectionClassEmbeddingsInputDim: RefinerAdded };

    private static WanTransformerConfig WanConfig(ModelFolder model) => ModelConfigJson.Read(model.Config("transformer"), WanJson.Default.WanTransformerConfig, WanTransformerConfig.Defaults);

    private static WanAutoencoderConfig WanVae(ModelFolder model) => ModelConfigJson.Read(model.Config("vae"), WanJson.Default.WanAutoencoderConfig, WanAutoencoderConfig.Defaults);

    private static LtxAutoencoderConfig LtxVae(ModelFolder model) => ModelConfigJson.Read(model.Config("vae"), LtxJson.Default.LtxAutoencoderConfig, LtxAutoencoderConfig.Defaults);

    private static CogVideoXTransformerConfig CogConfig(ModelFolder model) => ModelConfigJson.Read(model.Config("transformer"), CogVideoXJson.Default.CogVideoXTransformerConfig, CogVideoXTransformerConfig.Defaults);
}
