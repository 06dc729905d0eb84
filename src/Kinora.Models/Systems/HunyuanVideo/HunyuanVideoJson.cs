using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.HunyuanVideo;

/// <summary>Source-generated JSON of the HunyuanVideo configurations. Bind through <see cref="ModelConfigJson"/>, which is strict.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    WriteIndented = true)]
[JsonSerializable(typeof(HunyuanVideoTransformerConfig))]
[JsonSerializable(typeof(HunyuanVideoAutoencoderConfig))]
public sealed partial class HunyuanVideoJson : JsonSerializerContext;
