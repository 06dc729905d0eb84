using Kinora.Cli.Shell;

namespace Kinora.Cli.Tests;

/// <summary>Runs the real command line inside the test process.</summary>
internal static class Cli
{
    public static async Task<Outcome> RunAsync(params string[] args)
    {
        await using var output = new StringWriter();
        await using var error = new StringWriter();
        int code = await CommandShell.RunAsync(Program.CreateRoot(), args, new CommandIo(output, error, IsTerminal: false));
        return new Outcome(code, output.ToString(), error.ToString());
    }
}

/// <summary>What a run of the command line left behind.</summary>
internal sealed record Outcome(int ExitCode, string Output, string Error);
