using Kinora.Engine;

namespace Kinora.Models.Generation;

/// <summary>A request that cannot be carried out as asked. Nothing was started.</summary>
/// <param name="parameter">Which part of the request: prompt, size, frames, steps, …</param>
/// <param name="message">Who, expected, got, remedy.</param>
public sealed class GenerationRequestException(string parameter, string message) : KinoraException(message)
{
    /// <summary>Which part of the request: prompt, size, frames, steps, …</summary>
    public string Parameter { get; } = parameter;
}
