// kinora evaluate: scores that say how they were measured.

using System.CommandLine;
using Kinora.Cli.Evaluation;
using Kinora.Cli.Shell;

namespace Kinora.Cli;

/// <summary><c>kinora evaluate</c>.</summary>
public static class EvaluateCommand
{
    public static Command Create()
    {
        var command = new Verb("evaluate", "Score clips and features, compare reports, run blind human studies; every score with its interval and passport.",
            "kinora evaluate clips/ --prompts prompts.txt --reference real/ -o report/",
            "kinora evaluate features generated.npy real.npy        distances between feature matrices",
            "kinora evaluate mmr answers.jsonl --benchmark MMR-benchmark.json",
            "kinora evaluate compare a/report.json b/report.json -o compared",
            "kinora evaluate retrieve train/ --prompts prompts.txt -o retrieved",
            "kinora evaluate study build a/ b/ -o study             blind comparison by people")
        {
            FeaturesCommand.Create(), MmrCommand.Create(), CompareCommand.Create(), StudyCommand.Create(), RetrieveCommand.Create(), CodebookCommand.Create(),
        };
        ClipsAction.AddTo(command);
        return command;
    }
}
