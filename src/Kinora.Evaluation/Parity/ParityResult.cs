using System.Globalization;

namespace Kinora.Evaluation.Parity;

/// <summary>What became of one fixture.</summary>
/// <param name="Name">area/name.</param>
/// <param name="ClassName">The reference's class.</param>
/// <param name="Outcome">Pass, fail or unsupported.</param>
/// <param name="Comparisons">Every tensor and number compared.</param>
/// <param name="Error">What stopped the run; null when it came to its end.</param>
/// <param name="Seconds">How long it took.</param>
public sealed record ParityResult(string Name, string ClassName, ParityOutcome Outcome, IReadOnlyList<Comparison> Comparisons, string? Error, double Seconds)
{
    /// <summary>The comparison that is furthest outside (or closest to the edge of) its tolerance; null when there is none.</summary>
    public Comparison? Worst => Comparisons.MaxBy(c => c.Excess);

    /// <summary>One line: outcome, name, and what decided it.</summary>
    public override string ToString() => Outcome switch
    {
        ParityOutcome.Unsupported => $"unsupported  {Name}  {ClassName}",
        ParityOutcome.Pass => string.Create(CultureInfo.InvariantCulture, $"pass         {Name}  {Comparisons.Count} compared{(Worst is { Excess: > 0 } w ? $", largest error {w.Error:G3} at most {w.Allowed:G3} in {w.Name}" : ", exact")}"),
        _ when Error is not null => $"FAIL         {Name}  {Error.ReplaceLineEndings(" ")}",
        _ => string.Create(CultureInfo.InvariantCulture, $"FAIL         {Name}  {Comparisons.Count(c => !c.Passed)} of {Comparisons.Count}: {Worst!.Name} error {Worst.Error:G3}, at most {Worst.Allowed:G3}; {Worst.Where}"),
    };
}
