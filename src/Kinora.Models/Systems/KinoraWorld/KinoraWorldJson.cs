using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.KinoraWorld;

/// <summary>Source-generated JSON of the network configurations. Bind through <see cref="ModelConfigJson"/>, which is strict.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    WriteIndented = true)]
[JsonSerializable(typeof(VideoAutoencoderConfig))]
[JsonSerializable(typeof(VideoTransformerConfig))]
[JsonSerializable(typeof(TextEncoderConfig))]
[JsonSerializable(typeof(KinoraWorldIndex))]
[JsonSerializable(typeof(FlowSchedulerConfig))]
public sealed partial class KinoraWorldJson : JsonSerializerContext;
