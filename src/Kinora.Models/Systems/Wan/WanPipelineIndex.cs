using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.Wan;

/// <summary>The <c>model_index.json</c> of Wan 2.1 and 2.2 in diffusers' words. A component is [library, class], or [null, null] when there is none.</summary>
public sealed record WanPipelineIndex
{
    /// <summary>Text to video, and with <see cref="ExpandTimesteps"/> image to video too.</summary>
    public const string TextToVideo = "WanPipeline";

    /// <summary>Image to video, first and last frame.</summary>
    public const string ImageToVideo = "WanImageToVideoPipeline";

    /// <summary>Values of keys that published files leave out (huggingface/diffusers d035dcd7, pipelines/wan).</summary>
    public const string Defaults = """
        {"transformer_2": [null, null], "image_encoder": [null, null], "image_processor": [null, null], "boundary_ratio": null, "expand_timesteps": false}
        """;

    [JsonPropertyName("_class_name")] public required string ClassName { get; init; }
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    public required IReadOnlyList<string?> Tokenizer { get; init; }
    public required IReadOnlyList<string?> TextEncoder { get; init; }
    public required IReadOnlyList<string?> Vae { get; init; }
    public required IReadOnlyList<string?> Scheduler { get; init; }
    /// <summary>The transformer; of two experts the one for high noise.</summary>
    public required IReadOnlyList<string?> Transformer { get; init; }
    /// <summary>The expert for low noise (Wan 2.2 A14B).</summary>
    [JsonPropertyName("transformer_2")] public required IReadOnlyList<string?> Transformer2 { get; init; }
    public required IReadOnlyList<string?> ImageEncoder { get; init; }
    public required IReadOnlyList<string?> ImageProcessor { get; init; }
    /// <summary>From this noise level on the expert for high noise is asked; null with one transformer.</summary>
    public required double? BoundaryRatio { get; init; }
    /// <summary>Whether known frames are tokens of noise level 0 (Wan 2.2 TI2V-5B).</summary>
    public required bool ExpandTimesteps { get; init; }

    /// <summary>Whether a component is there.</summary>
    public static bool Has(IReadOnlyList<string?> component) => component is [_, not null];

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("model_index.json");
        violations.Require(ClassName is TextToVideo or ImageToVideo, $"`_class_name` must be \"{TextToVideo}\" or \"{ImageToVideo}\", got \"{ClassName}\"");
        violations.Require(Transformer is [_, WanTransformerConfig.Name], $"`transformer` must be a {WanTransformerConfig.Name}");
        violations.Require(!Has(Transformer2) || Transformer2[1] == WanTransformerConfig.Name, $"`transformer_2` must be a {WanTransformerConfig.Name}");
        violations.Require(Vae is [_, WanAutoencoderConfig.Name], $"`vae` must be an {WanAutoencoderConfig.Name}");
        violations.Require(TextEncoder is [_, "UMT5EncoderModel"], "`text_encoder` must be a UMT5EncoderModel");
        violations.Require(Has(Transformer2) == BoundaryRatio is not null, "`transformer_2` and `boundary_ratio` must be given together");
        violations.Require(BoundaryRatio is null or (> 0 and < 1), $"`boundary_ratio` must be between 0 and 1, got {BoundaryRatio}");
        violations.Require(Has(ImageEncoder) == Has(ImageProcessor), "`image_encoder` and `image_processor` must be given together");
        violations.ThrowIfAny();
    }
}
