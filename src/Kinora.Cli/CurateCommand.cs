// kinora curate: from raw footage to clips that a model can be trained on.

using System.CommandLine;
using Kinora.Cli.Curation;
using Kinora.Cli.Shell;

namespace Kinora.Cli;

/// <summary><c>kinora curate</c>.</summary>
public static class CurateCommand
{
    public static Command Create() =>
        new Verb("curate", "Find the shots of videos.",
            "kinora curate cuts film.mp4                              the cut list",
            "kinora curate cuts film.mp4 --detector adaptive --json   for programs")
        {
            CutsCommand.Create(),
        };
}
