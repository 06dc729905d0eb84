// kinora evaluate: scores that say how they were measured.

using System.CommandLine;
using Kinora.Cli.Evaluation;
using Kinora.Cli.Shell;

namespace Kinora.Cli;

/// <summary><c>kinora evaluate</c>.</summary>
public static class EvaluateCommand
{
    public static Command Create() =>
        new Verb("evaluate", "Scores with intervals, passports and refusals.",
            "kinora evaluate features generated.npy real.npy        distances between feature matrices")
        {
            FeaturesCommand.Create(), MmrCommand.Create(),
        };
}
