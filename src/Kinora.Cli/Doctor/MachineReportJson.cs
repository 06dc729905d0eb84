using System.Text.Json.Serialization;

namespace Kinora.Cli.Doctor;

/// <summary>JSON of <see cref="MachineReport"/>: snake_case, indented.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(MachineReport))]
internal sealed partial class MachineReportJson : JsonSerializerContext;
