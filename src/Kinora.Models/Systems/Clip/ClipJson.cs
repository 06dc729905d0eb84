using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.Clip;

/// <summary>Source-generated JSON of the CLIP configurations. Bind through <see cref="ModelConfigJson"/>, which is strict.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    WriteIndented = true)]
[JsonSerializable(typeof(ClipTextConfig))]
[JsonSerializable(typeof(ClipVisionConfig))]
[JsonSerializable(typeof(ClipConfig))]
[JsonSerializable(typeof(ClipImageProcessorConfig))]
[JsonSerializable(typeof(Dictionary<string, int>))]
[JsonSerializable(typeof(int))]
public sealed partial class ClipJson : JsonSerializerContext;
