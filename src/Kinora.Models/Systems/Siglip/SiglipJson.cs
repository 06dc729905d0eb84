using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.Siglip;

/// <summary>Source-generated JSON of the SigLIP configurations. Bind through <see cref="ModelConfigJson"/>, which is strict.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    WriteIndented = true)]
[JsonSerializable(typeof(SiglipTextConfig))]
[JsonSerializable(typeof(SiglipVisionConfig))]
[JsonSerializable(typeof(SiglipConfig))]
public sealed partial class SiglipJson : JsonSerializerContext;
