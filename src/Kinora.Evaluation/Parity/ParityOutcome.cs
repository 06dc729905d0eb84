namespace Kinora.Evaluation.Parity;

/// <summary>How a fixture ended.</summary>
public enum ParityOutcome
{
    /// <summary>Everything that the fixture expects was computed and is within its tolerance.</summary>
    Pass,

    /// <summary>Something is missing, wrong, or could not be computed.</summary>
    Fail,

    /// <summary>No system of the product answers to the fixture's class.</summary>
    Unsupported,
}
