using System.Text.Json.Serialization;

namespace Kinora.Evaluation.Probes;

/// <summary>Source-generated JSON of the probe's configuration; bound strictly by <see cref="Kinora.Models.ModelConfigJson"/>.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true, WriteIndented = true)]
[JsonSerializable(typeof(WorldProbeConfig))]
internal sealed partial class WorldProbeJson : JsonSerializerContext;
