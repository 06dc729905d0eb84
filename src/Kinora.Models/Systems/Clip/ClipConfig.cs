using System.Text.Json.Nodes;
using Kinora.Engine;
using Kinora.Models.Text;

namespace Kinora.Models.Systems.Clip;

/// <summary>The <c>config.json</c> of both CLIP encoders together. Defaults are those of transformers' CLIPConfig.</summary>
public sealed record ClipConfig : TransformersConfig
{
    public ClipTextConfig TextConfig { get; set; } = new();
    public ClipVisionConfig VisionConfig { get; set; } = new();
    /// <summary>Width of the shared space; it holds for both encoders, whatever their own records say.</summary>
    public int ProjectionDim { get; set; } = 512;
    public double LogitScaleInitValue { get; set; } = 2.6592;
    public double InitializerFactor { get; set; } = 1;
    public int? PadTokenId { get; set; }
    public int? BosTokenId { get; set; }
    public int? EosTokenId { get; set; }

    /// <summary>
    /// Reads a configuration. Files of 2022 say <c>text_config_dict</c> and <c>vision_config_dict</c> beside or in place of the records;
    /// their keys win, as in the publisher's reader.
    /// </summary>
    /// <exception cref="ConfigException">A key is unknown or a value is wrong.</exception>
    public static ClipConfig Read(ReadOnlySpan<byte> utf8, string source)
    {
        JsonObject? document;
        try
        {
            document = JsonNode.Parse(utf8) as JsonObject;
        }
        catch (System.Text.Json.JsonException e)
        {
            throw new ConfigException($"{source}: {e.Message}", e);
        }
        if (document is null) throw new ConfigException($"{source}: expected an object.");
        foreach (var part in (string[])["text_config", "vision_config"])
        {
            if (!document.Remove(part + "_dict", out var legacy) || legacy is not JsonObject keys) continue;
            if (document[part] is not JsonObject target) document[part] = target = [];
            foreach (var (key, value) in keys.ToArray()) target[key] = value?.DeepClone();
        }
        return ModelConfigJson.Read(System.Text.Encoding.UTF8.GetBytes(document.ToJsonString()), ClipJson.Default.ClipConfig, source);
    }
}
