using System.CommandLine;
using Kinora.Cli.Shell;

namespace Kinora.Cli;

/// <summary><c>kinora doctor</c>: what this machine is and whether Kinora runs well on it.</summary>
public static class DoctorCommand
{
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "Print the report as JSON." };
        var command = new Verb("doctor", "Check this machine: versions, processor, memory, native libraries, speed.",
            "kinora doctor",
            "kinora doctor --json > machine.json")
        {
            json,
        };
        command.SetAction(result => 0);
        return command;
    }
}
