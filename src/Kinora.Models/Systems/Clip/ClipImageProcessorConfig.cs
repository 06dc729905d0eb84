using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Engine;

namespace Kinora.Models.Systems.Clip;

/// <summary>
/// A <c>preprocessor_config.json</c> of CLIP or SigLIP. Defaults are those of transformers' CLIPImageProcessor; published files state
/// every key that matters.
/// </summary>
public sealed record ClipImageProcessorConfig
{
    public bool DoResize { get; set; } = true;
    /// <summary>A number or <c>shortest_edge</c> for the shorter side, or <c>height</c> and <c>width</c> for both.</summary>
    public JsonElement? Size { get; set; }
    /// <summary>Pillow's number of the filter; 3 is bicubic.</summary>
    public int Resample { get; set; } = 3;
    public bool DoCenterCrop { get; set; } = true;
    /// <summary>A number for both sides, or <c>height</c> and <c>width</c>.</summary>
    public JsonElement? CropSize { get; set; }
    public bool DoRescale { get; set; } = true;
    public double RescaleFactor { get; set; } = 1 / 255.0;
    public bool DoNormalize { get; set; } = true;
    public IReadOnlyList<double> ImageMean { get; set; } = [0.48145466, 0.4578275, 0.40821073];
    public IReadOnlyList<double> ImageStd { get; set; } = [0.26862954, 0.26130258, 0.27577711];
    public bool? DoConvertRgb { get; set; }
    public string? ImageProcessorType { get; set; }
    public string? FeatureExtractorType { get; set; }
    public string? ProcessorClass { get; set; }
    [JsonPropertyName("_valid_processor_keys")] public JsonElement? ValidProcessorKeys { get; set; }

    /// <summary>CLIP's processing for an encoder of <paramref name="side"/> × <paramref name="side"/> pixels.</summary>
    public static ClipImageProcessorConfig Clip(int side) => new() { Size = Number(side), CropSize = Number(side) };

    /// <summary>SigLIP's processing: stretched to the square, values in [−1, 1].</summary>
    public static ClipImageProcessorConfig Siglip(int side) => new()
    {
        Size = JsonSerializer.SerializeToElement(new Dictionary<string, int>(StringComparer.Ordinal) { ["height"] = side, ["width"] = side }, ClipJson.Default.DictionaryStringInt32),
        DoCenterCrop = false, ImageMean = [0.5, 0.5, 0.5], ImageStd = [0.5, 0.5, 0.5],
    };

    /// <summary>Throws <see cref="ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("image processor config");
        violations.Require(!DoResize || Sides(Size) is not null, "`size` must be a positive number, `shortest_edge`, or `height` and `width`");
        violations.Require(!DoCenterCrop || Sides(CropSize) is { ShortestEdge: null }, "`crop_size` must be a positive number, or `height` and `width`");
        violations.Require(Enum.IsDefined((Media.PillowFilter)Resample), $"`resample` must be one of Pillow's filters, 0 to 5, got {Resample}");
        violations.Require(ImageMean.Count == 3, $"`image_mean` must have 3 values, got {ImageMean.Count}");
        violations.Require(ImageStd.Count == 3 && ImageStd.All(s => s > 0), "`image_std` must have 3 positive values");
        violations.Require(RescaleFactor > 0, $"`rescale_factor` must be positive, got {RescaleFactor}");
        violations.ThrowIfAny();
    }

    internal (int? ShortestEdge, int Height, int Width) ResizeTo => Sides(Size, isEdge: true)!.Value;

    internal (int Height, int Width) CropTo => (Sides(CropSize)!.Value.Height, Sides(CropSize)!.Value.Width);

    private static JsonElement Number(int value) => JsonSerializer.SerializeToElement(value, ClipJson.Default.Int32);

    private static (int? ShortestEdge, int Height, int Width)? Sides(JsonElement? element, bool isEdge = false)
    {
        if (element is not { } json) return null;
        if (json.ValueKind == JsonValueKind.Number) return Positive(json) is { } side ? (isEdge ? side : null, side, side) : null;
        if (json.ValueKind != JsonValueKind.Object) return null;
        if (json.TryGetProperty("shortest_edge", out var edge)) return Positive(edge) is { } shortest ? (shortest, shortest, shortest) : null;
        return json.TryGetProperty("height", out var h) && json.TryGetProperty("width", out var w) && Positive(h) is { } height && Positive(w) is { } width ? (null, height, width) : null;
    }

    private static int? Positive(JsonElement json) => json.ValueKind == JsonValueKind.Number && json.TryGetInt32(out var value) && value > 0 ? value : null;
}
