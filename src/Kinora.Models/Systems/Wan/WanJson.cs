using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.Wan;

/// <summary>Source-generated JSON of the Wan configurations. Bind through <see cref="ModelConfigJson"/>, which is strict.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    WriteIndented = true)]
[JsonSerializable(typeof(WanTransformerConfig))]
[JsonSerializable(typeof(WanAutoencoderConfig))]
[JsonSerializable(typeof(WanPipelineIndex))]
public sealed partial class WanJson : JsonSerializerContext;
