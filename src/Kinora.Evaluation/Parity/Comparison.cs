namespace Kinora.Evaluation.Parity;

/// <summary>One tensor, or one number, against the reference.</summary>
/// <param name="Name">Its name in the fixture.</param>
/// <param name="Error">The largest absolute difference; NaN when one of the two is not a number.</param>
/// <param name="Allowed">What the tolerance allows at that element.</param>
/// <param name="Where">The element with the largest difference in units of its tolerance, or why there is nothing to compare.</param>
/// <param name="Excess">The largest difference divided by its tolerance: at most 1 passes.</param>
public sealed record Comparison(string Name, double Error, double Allowed, string Where, double Excess)
{
    /// <summary>Whether every element is within its tolerance.</summary>
    public bool Passed => Excess <= 1;
}
