using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>Source-generated JSON of the network configurations. Bind through <see cref="ModelConfigJson"/>, which is strict.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    WriteIndented = true)]
[JsonSerializable(typeof(UNet2DConditionConfig))]
[JsonSerializable(typeof(AutoencoderKlConfig))]
[JsonSerializable(typeof(AutoencoderTinyConfig))]
[JsonSerializable(typeof(ControlNetConfig))]
public sealed partial class StableDiffusionJson : JsonSerializerContext;
