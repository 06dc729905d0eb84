// The table of contents of the command line: one verb per line, one file per verb.

using System.CommandLine;
using Kinora.Cli.Shell;

namespace Kinora.Cli;

/// <summary>Entry point of <c>kinora</c>.</summary>
public static class Program
{
    public static Task<int> Main(string[] args) => CommandShell.RunAsync(CreateRoot(), args, CommandIo.Console);

    /// <summary>Every verb of the product, in the order of a clip's life.</summary>
    public static Command CreateRoot() =>
        new Verb("kinora", "Text in, video out. Everything runs on this machine.",
            "kinora generate \"a red balloon rises over a night city\" -o balloon.mp4    make a clip",
            "kinora doctor                                                              check this machine",
            "kinora setup                                                               build what is missing (launcher)",
            "kinora test                                                                run the tests (launcher)")
        {
            GenerateCommand.Create(),
            ReplayCommand.Create(),
            TrainCommand.Create(),
            WorldCommand.Create(),
            CurateCommand.Create(),
            ModelsCommand.Create(),
            BenchCommand.Create(),
            ParityCommand.Create(),
            EvaluateCommand.Create(),
            DoctorCommand.Create(),
        };
}
