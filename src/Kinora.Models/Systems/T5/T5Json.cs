using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.T5;

/// <summary>Source-generated JSON of the T5 configuration. Bind through <see cref="ModelConfigJson"/>, which is strict.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    WriteIndented = true)]
[JsonSerializable(typeof(T5Config))]
public sealed partial class T5Json : JsonSerializerContext;
