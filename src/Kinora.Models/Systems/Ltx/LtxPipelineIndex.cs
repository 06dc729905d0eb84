using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.Ltx;

/// <summary>The <c>model_index.json</c> of LTX-Video 0.9.x in diffusers' words. A component is [library, class].</summary>
public sealed record LtxPipelineIndex
{
    /// <summary>Text to video, 0.9.0 to 0.9.1.</summary>
    public const string TextToVideo = "LTXPipeline";

    /// <summary>Image to video, 0.9.0 to 0.9.1: the same networks.</summary>
    public const string ImageToVideo = "LTXImageToVideoPipeline";

    /// <summary>Text and any frames to video, from 0.9.5.</summary>
    public const string Condition = "LTXConditionPipeline";

    [JsonPropertyName("_class_name")] public required string ClassName { get; init; }
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    public required IReadOnlyList<string?> Tokenizer { get; init; }
    public required IReadOnlyList<string?> TextEncoder { get; init; }
    public required IReadOnlyList<string?> Vae { get; init; }
    public required IReadOnlyList<string?> Scheduler { get; init; }
    public required IReadOnlyList<string?> Transformer { get; init; }

    /// <summary>Whether coordinates count a latent frame's first picture and levels follow the linear-quadratic schedule (from 0.9.5).</summary>
    [JsonIgnore] public bool IsCondition => ClassName == Condition;

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("model_index.json");
        violations.Require(ClassName is TextToVideo or ImageToVideo or Condition, $"`_class_name` must be \"{TextToVideo}\", \"{ImageToVideo}\" or \"{Condition}\", got \"{ClassName}\"");
        violations.Require(Transformer is [_, LtxTransformerConfig.Name], $"`transformer` must be a {LtxTransformerConfig.Name}");
        violations.Require(Vae is [_, LtxAutoencoderConfig.Name], $"`vae` must be an {LtxAutoencoderConfig.Name}");
        violations.Require(TextEncoder is [_, "T5EncoderModel"], "`text_encoder` must be a T5EncoderModel");
        violations.ThrowIfAny();
    }
}
