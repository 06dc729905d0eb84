using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.Mochi;

/// <summary>Source-generated JSON of the Mochi configurations. Bind through <see cref="ModelConfigJson"/>, which is strict.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    WriteIndented = true)]
[JsonSerializable(typeof(MochiTransformerConfig))]
[JsonSerializable(typeof(MochiAutoencoderConfig))]
public sealed partial class MochiJson : JsonSerializerContext;
