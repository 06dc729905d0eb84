// Runs one command line: parse, refuse with a suggestion, cancel on Ctrl-C, map exceptions to one message and an exit code.

using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Runtime.InteropServices;

namespace Kinora.Cli.Shell;

/// <summary>The frame around every verb.</summary>
public static class CommandShell
{
    /// <summary>Runs <paramref name="args"/> against <paramref name="root"/> and returns an exit code; never throws.</summary>
    public static async Task<int> RunAsync(Command root, IReadOnlyList<string> args, CommandIo io, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(root);
        ArgumentNullException.ThrowIfNull(args);
        ArgumentNullException.ThrowIfNull(io);
        root.Add(new HelpOption { Action = new HelpWithExamples(), Recursive = true, Description = "Show this help." });
        root.Add(new VersionOption { Description = "Show the version.", Action = new PrintVersion() });
        var verbose = new Option<bool>("--verbose") { Description = "Say more; show the stack trace of a failure.", Recursive = true };
        var quiet = new Option<bool>("--quiet", "-q") { Description = "No progress and no remarks, only results and errors.", Recursive = true };
        root.Add(verbose);
        root.Add(quiet);

        // No response files: a prompt may begin with '@'.
        var result = root.Parse(args, new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });
        if (args.Count == 0) { result = root.Parse(["--help"]); }
        if (result.Action is not (HelpWithExamples or PrintVersion) && CommandLineErrors.Describe(result) is { } error)
        {
            await io.Error.WriteLineAsync(error).ConfigureAwait(false);
            return ExitCodes.Usage;
        }

        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => OnSignal(signal, cancellation, io));
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => OnSignal(signal, cancellation, io));
        try
        {
            using var session = CommandSession.Enter(io, result.GetValue(quiet), result.GetValue(verbose));
            var configuration = new InvocationConfiguration
            {
                Output = io.Output,
                Error = io.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            };
            return await result.InvokeAsync(configuration, cancellation.Token).ConfigureAwait(false);
        }
        catch (Exception failure)
        {
            var (exitCode, message) = Failures.Explain(failure, CommandLineErrors.Path(result.CommandResult.Command), cancellation.IsCancellationRequested);
            await io.Error.WriteLineAsync(message).ConfigureAwait(false);
            if (result.GetValue(verbose)) { await io.Error.WriteLineAsync(failure.ToString()).ConfigureAwait(false); }
            else if (exitCode == ExitCodes.Internal) { await io.Error.WriteLineAsync("Run again with --verbose to see where.").ConfigureAwait(false); }
            return exitCode;
        }
    }

    private static void OnSignal(PosixSignalContext signal, CancellationTokenSource cancellation, CommandIo io)
    {
        // The second signal means now: the runtime ends the process whatever the verb is doing.
        if (cancellation.IsCancellationRequested)
        {
            Environment.Exit(ExitCodes.Canceled);
        }

        signal.Cancel = true;
        io.Error.WriteLine("kinora: stopping after this step (again to stop at once)");
        cancellation.Cancel();
    }

    private sealed class PrintVersion : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            parseResult.InvocationConfiguration.Output.WriteLine(ProductVersion.Text);
            return ExitCodes.Success;
        }
    }
}
