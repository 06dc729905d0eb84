namespace Kinora.Cli.Shell;

/// <summary>Where a command writes: results on <see cref="Output"/>, everything else on <see cref="Error"/>.</summary>
/// <param name="IsTerminal">Whether <see cref="Error"/> is a terminal that understands carriage returns.</param>
public sealed record CommandIo(TextWriter Output, TextWriter Error, bool IsTerminal)
{
    /// <summary>The process's own streams.</summary>
    public static CommandIo Console => new(System.Console.Out, System.Console.Error, !System.Console.IsErrorRedirected);
}
