using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.CogVideoX;

/// <summary>Source-generated JSON of the CogVideoX configurations. Bind through <see cref="ModelConfigJson"/>, which is strict.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    WriteIndented = true)]
[JsonSerializable(typeof(CogVideoXTransformerConfig))]
[JsonSerializable(typeof(CogVideoXAutoencoderConfig))]
public sealed partial class CogVideoXJson : JsonSerializerContext;
