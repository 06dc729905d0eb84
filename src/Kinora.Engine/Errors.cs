namespace Kinora.Engine;

/// <summary>The root of every error that Kinora raises on purpose. The message names who, what was expected, what came, and what to do.</summary>
public class KinoraException : Exception
{
    public KinoraException(string message) : base(message) { }
    public KinoraException(string message, Exception? inner) : base(message, inner) { }
}

/// <summary>A tensor has another shape than its user needs.</summary>
public sealed class ShapeException(string message) : KinoraException(message);

/// <summary>A device that was asked for is absent, or tensors of two devices met.</summary>
public sealed class DeviceException(string message) : KinoraException(message);

/// <summary>A configuration (recipe, config.json, option) is wrong; the message lists every violation.</summary>
public sealed class ConfigException(string message, Exception? inner = null) : KinoraException(message, inner);

/// <summary>Weights on disk are damaged, incomplete, or belong to another network.</summary>
public sealed class CheckpointException(string message, Exception? inner = null) : KinoraException(message, inner);

/// <summary>A computation left the numbers: NaN or infinite values where none can be.</summary>
public sealed class NumericException(string message) : KinoraException(message);

/// <summary>The native tensor library refused a call or could not be loaded.</summary>
public sealed class NativeException(string message, Exception? inner = null) : KinoraException(message, inner);
