// Every network that Kinora can build from a published configuration: class name, and how its parameters are declared.

using System.Text.Json;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Systems.AnimateDiff;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Systems.CogVideoX;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Models.Systems.Ltx;
using Kinora.Models.Systems.ModelScope;
using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models.Systems.StableVideoDiffusion;
using Kinora.Models.Systems.T5;
using Kinora.Models.Systems.Wan;

namespace Kinora.Models.Checkpoints;

/// <summary>A network by the class name of its configuration.</summary>
/// <param name="ClassName">What <c>config.json</c> calls it.</param>
/// <param name="Declare">Reads a configuration and declares the network's parameters below a root.</param>
/// <param name="IsOmitted">Tensors of published weights that the network leaves out on purpose; null for none.</param>
public sealed record NetworkKind(string ClassName, Action<ConfigText, ParameterPath> Declare, Func<string, bool>? IsOmitted = null)
{
    /// <summary>Names and shapes of the parameters that a configuration asks for. Nothing is allocated.</summary>
    /// <exception cref="ConfigException">The configuration is not one of this network.</exception>
    public IReadOnlyDictionary<string, long[]> Parameters(ConfigText config)
    {
        using var scope = TensorScope.Enter();
        ParameterPath root = ParameterPath.Root(new ShapeOnlyParameters());
        try
        {
            Declare(config, root);
            return root.Store.All.ToDictionary(p => p.Name, p => p.Value.Shape, StringComparer.Ordinal);
        }
        finally
        {
            root.Store.Dispose();
        }
    }

    /// <summary>Whether a configuration asks for exactly the parameters that weights hold, by name and shape.</summary>
    /// <param name="config">A configuration; one of another network does not fit.</param>
    /// <param name="weights">The weights under our names.</param>
    public bool Fits(ConfigText config, IWeights weights)
    {
        try
        {
            return Differences(config, weights).Count == 0;
        }
        catch (ConfigException)
        {
            return false;
        }
    }

    /// <summary>What weights lack, have besides, or have in another shape than a configuration asks for; one entry for each.</summary>
    /// <param name="config">A configuration.</param>
    /// <param name="weights">The weights under our names.</param>
    /// <exception cref="ConfigException">The configuration is not one of this network.</exception>
    public IReadOnlyList<string> Differences(ConfigText config, IWeights weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        IReadOnlyDictionary<string, long[]> wanted = Parameters(config);
        return
        [
            .. wanted.Where(p => weights.Find(p.Key) is null).Select(p => $"`{p.Key}` is missing"),
            .. wanted.Where(p => weights.Find(p.Key) is { } stored && !stored.Shape.SequenceEqual(p.Value)).Select(p => $"`{p.Key}` is [{string.Join(", ", weights.Find(p.Key)!.Shape)}] instead of [{string.Join(", ", p.Value)}]"),
            .. weights.Names.Where(n => !wanted.ContainsKey(n) && IsOmitted?.Invoke(n) != true).Order(StringComparer.Ordinal).Select(n => $"`{n}` is unknown"),
        ];
    }
}

/// <summary>The networks.</summary>
public static class NetworkCatalog
{
    /// <summary>One line per network.</summary>
    public static IReadOnlyList<NetworkKind> All { get; } =
    [
        new(UNet2DConditionConfig.Name, (config, root) => _ = new UNet2DCondition(root, UNet2DConditionConfig.Read(config))),
        new(ControlNetConfig.Name, (config, root) => _ = new ControlNet(root, ControlNetConfig.Read(config))),
        new(AutoencoderKlConfig.Name, (config, root) => _ = new AutoencoderKl(root, AutoencoderKlConfig.Read(config))),
        new(AutoencoderTinyConfig.Name, (config, root) => _ = new AutoencoderTiny(root, AutoencoderTinyConfig.Read(config))),
        new(UNetSpatioTemporalConfig.Name, (config, root) => _ = new UNetSpatioTemporal(root, UNetSpatioTemporalConfig.Read(config))),
        new(TemporalAutoencoderConfig.Name, (config, root) => _ = new TemporalAutoencoder(root, TemporalAutoencoderConfig.Read(config))),
        new(UNet3DConfig.Name, (config, root) => _ = new UNet3D(root, UNet3DConfig.Read(config))),
        new(UNetMotionConfig.Name, (config, root) => _ = UNetMotion.Create(root, UNetMotionConfig.Read(config))),
        new(MotionAdapterConfig.Name, (config, root) => _ = new MotionAdapter(root, MotionAdapterConfig.Read(config))),
        new(WanTransformerConfig.Name, (config, root) => _ = new WanTransformer(root, ModelConfigJson.Read(config, WanJson.Default.WanTransformerConfig, WanTransformerConfig.Defaults))),
        new(WanAutoencoderConfig.Name, (config, root) => _ = new WanAutoencoder(root, ModelConfigJson.Read(config, WanJson.Default.WanAutoencoderConfig, WanAutoencoderConfig.Defaults))),
        new(LtxTransformerConfig.Name, (config, root) => _ = new LtxTransformer(root, ModelConfigJson.Read(config, LtxJson.Default.LtxTransformerConfig, LtxTransformerConfig.Defaults))),
        new(LtxAutoencoderConfig.Name, (config, root) => _ = new LtxAutoencoder(root, ModelConfigJson.Read(config, LtxJson.Default.LtxAutoencoderConfig, LtxAutoencoderConfig.Defaults))),
        new(CogVideoXTransformerConfig.Name, (config, root) => _ = new CogVideoXTransformer(root, ModelConfigJson.Read(config, CogVideoXJson.Default.CogVideoXTransformerConfig, CogVideoXTransformerConfig.Defaults))),
        new(CogVideoXAutoencoderConfig.Name, (config, root) => _ = new CogVideoXAutoencoder(root, ModelConfigJson.Read(config, CogVideoXJson.Default.CogVideoXAutoencoderConfig, CogVideoXAutoencoderConfig.Defaults))),
        new(VideoTransformerConfig.Name, (config, root) => _ = new VideoTransformer(root, ModelConfigJson.Read(config, KinoraWorldJson.Default.VideoTransformerConfig))),
        new(VideoAutoencoderConfig.Name, (config, root) => _ = new VideoAutoencoder(root, ModelConfigJson.Read(config, KinoraWorldJson.Default.VideoAutoencoderConfig))),
        new(TextEncoderConfig.Name, (config, root) => _ = new TextEncoder(root, ModelConfigJson.Read(config, KinoraWorldJson.Default.TextEncoderConfig))),
        new("CLIPTextModel", (config, root) => _ = new ClipTextModel(root, ModelConfigJson.Read(config, ClipJson.Default.ClipTextConfig)), ClipModel.IsBuffer),
        new("CLIPTextModelWithProjection", (config, root) => _ = new ClipTextModelWithProjection(root, ModelConfigJson.Read(config, ClipJson.Default.ClipTextConfig)), ClipModel.IsBuffer),
        new("CLIPVisionModel", (config, root) => _ = new ClipVisionModel(root, ModelConfigJson.Read(config, ClipJson.Default.ClipVisionConfig)), ClipVisionModel.IsOmitted),
        new("CLIPVisionModelWithProjection", (config, root) => _ = new ClipVisionModelWithProjection(root, ModelConfigJson.Read(config, ClipJson.Default.ClipVisionConfig)), ClipModel.IsBuffer),
        new("T5EncoderModel", (config, root) => _ = new T5EncoderModel(root, ModelConfigJson.Read(config, T5Json.Default.T5Config)), T5EncoderModel.IsOmitted),
        new("T5ForConditionalGeneration", (config, root) => _ = new T5EncoderModel(root, ModelConfigJson.Read(config, T5Json.Default.T5Config)), T5EncoderModel.IsOmitted),
        new("UMT5ForConditionalGeneration", (config, root) => _ = new T5EncoderModel(root, ModelConfigJson.Read(config, T5Json.Default.T5Config)), T5EncoderModel.IsOmitted),
        new("UMT5EncoderModel", (config, root) => _ = new T5EncoderModel(root, ModelConfigJson.Read(config, T5Json.Default.T5Config)), T5EncoderModel.IsOmitted),
    ];

    /// <summary>The network of a class name; null when Kinora has none.</summary>
    public static NetworkKind? Find(string className) => All.FirstOrDefault(n => n.ClassName == className);

    /// <summary>The class that a configuration names: diffusers' <c>_class_name</c> or transformers' first architecture; null when it names none.</summary>
    /// <exception cref="ConfigException">It is no JSON object.</exception>
    public static string? ClassNameOf(ConfigText config)
    {
        ArgumentNullException.ThrowIfNull(config);
        try
        {
            using JsonDocument json = JsonDocument.Parse(config.Utf8, new JsonDocumentOptions { MaxDepth = 32 });
            if (json.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new ConfigException($"{config.Source}: expected an object.");
            }
            if (json.RootElement.TryGetProperty("_class_name", out JsonElement name) && name.ValueKind == JsonValueKind.String)
            {
                return name.GetString();
            }
            return json.RootElement.TryGetProperty("architectures", out JsonElement all) && all.ValueKind == JsonValueKind.Array && all.GetArrayLength() > 0 && all[0].ValueKind == JsonValueKind.String
                ? all[0].GetString()
                : null;
        }
        catch (JsonException e)
        {
            throw new ConfigException($"{config.Source}: {e.Message}", e);
        }
    }
}
