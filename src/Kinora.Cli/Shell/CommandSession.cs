namespace Kinora.Cli.Shell;

/// <summary>What the running command line asked of its output. One command runs per asynchronous flow.</summary>
public sealed class CommandSession : IDisposable
{
    private static readonly AsyncLocal<CommandSession?> Active = new();

    private CommandSession(CommandIo io, bool quiet, bool verbose)
    {
        Io = io;
        IsQuiet = quiet;
        IsVerbose = verbose;
    }

    /// <summary>The session of the running command.</summary>
    /// <exception cref="InvalidOperationException">No command is running.</exception>
    public static CommandSession Current => Active.Value ?? throw new InvalidOperationException("No command is running; start one with CommandShell.RunAsync.");

    /// <summary>Where to write.</summary>
    public CommandIo Io { get; }

    /// <summary>No progress and no remarks were asked for.</summary>
    public bool IsQuiet { get; }

    /// <summary>More was asked for.</summary>
    public bool IsVerbose { get; }

    internal static CommandSession Enter(CommandIo io, bool quiet, bool verbose) => Active.Value = new CommandSession(io, quiet, verbose);

    /// <summary>Writes a result line to stdout.</summary>
    public void Result(string text) => Io.Output.WriteLine(text);

    /// <summary>Writes a remark to stderr unless the user asked for quiet.</summary>
    public void Remark(string text)
    {
        if (!IsQuiet) { Io.Error.WriteLine(text); }
    }

    public void Dispose() => Active.Value = null;
}
