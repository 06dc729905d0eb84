using Kinora.Engine;

namespace Kinora.Evaluation;

/// <summary>Something that was given to an evaluation cannot be used; the message names the file, what was expected, what came and what to do.</summary>
public sealed class EvaluationException(string message, Exception? inner = null) : KinoraException(message, inner);

/// <summary>Two results were measured differently and must not be compared.</summary>
public sealed class ProtocolException(string message) : KinoraException(message);
