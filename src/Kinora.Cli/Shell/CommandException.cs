namespace Kinora.Cli.Shell;

/// <summary>A refusal decided in a verb, with the exit code that it deserves.</summary>
/// <param name="exitCode">One of <see cref="ExitCodes"/>.</param>
/// <param name="message">Who, expected, got, remedy.</param>
public sealed class CommandException(int exitCode, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>One of <see cref="ExitCodes"/>.</summary>
    public int ExitCode { get; } = exitCode;

    /// <summary>The command line cannot be carried out as typed (exit code 2).</summary>
    public static CommandException Usage(string message) => new(ExitCodes.Usage, message);

    /// <summary>Something the command was given cannot be used (exit code 3).</summary>
    public static CommandException Input(string message, Exception? inner = null) => new(ExitCodes.Input, message, inner);

    /// <summary>Data contradicts itself or its manifest (exit code 4).</summary>
    public static CommandException Integrity(string message, Exception? inner = null) => new(ExitCodes.Integrity, message, inner);
}
