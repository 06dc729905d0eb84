using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.Ltx;

/// <summary>Source-generated JSON of the LTX configurations. Bind through <see cref="ModelConfigJson"/>, which is strict.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    WriteIndented = true)]
[JsonSerializable(typeof(LtxTransformerConfig))]
[JsonSerializable(typeof(LtxAutoencoderConfig))]
[JsonSerializable(typeof(LtxPipelineIndex))]
public sealed partial class LtxJson : JsonSerializerContext;
