namespace Kinora.Evaluation.Contract;

/// <summary>One promise of the engine, checked on a device.</summary>
/// <param name="Name">What is promised.</param>
/// <param name="Error">How far the result is from the right one; 0 is exact.</param>
/// <param name="Tolerance">How far it may be.</param>
/// <param name="Failure">Why there is no result; null when there is one.</param>
public sealed record ContractResult(string Name, double Error, double Tolerance, string? Failure)
{
    /// <summary>Whether the promise was kept.</summary>
    public bool Passed => Failure is null && Error <= Tolerance;
}
