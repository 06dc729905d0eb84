using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.ModelScope;

/// <summary>Source-generated JSON of the network configurations. Bind through <see cref="ModelConfigJson"/>, which is strict.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    WriteIndented = true)]
[JsonSerializable(typeof(UNet3DConfig))]
public sealed partial class ModelScopeJson : JsonSerializerContext;
