namespace Kinora.Evaluation.Parity;

/// <summary>How far a value may be from the reference's: |ours − reference| ≤ <paramref name="Absolute"/> + <paramref name="Relative"/>·|reference|.</summary>
/// <param name="Absolute">In the unit of the tensor.</param>
/// <param name="Relative">Times the magnitude of each element.</param>
public readonly record struct Tolerance(double Absolute, double Relative = 0)
{
    /// <summary>No difference at all: integers, ids.</summary>
    public static Tolerance Exact => default;
}
