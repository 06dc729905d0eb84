using System.Diagnostics;
using System.Globalization;

namespace Kinora.Evaluation.Memory;

/// <summary>Runs this program again, so that a measurement begins in a fresh process.</summary>
public static class ChildProcess
{
    /// <summary>Runs with other arguments and gives the last line of what it printed.</summary>
    /// <param name="arguments">The arguments.</param>
    /// <param name="cancellationToken">Ends the process.</param>
    /// <exception cref="EvaluationException">It failed; the message carries what it wrote to stderr.</exception>
    public static string Run(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        string program = Environment.ProcessPath ?? throw new EvaluationException("the path of this program is unknown.");
        var start = new ProcessStartInfo(program) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        // Started by the runtime's own host, the program is the first argument.
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
        {
            start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        }
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }
        using Process process = Process.Start(start) ?? throw new EvaluationException($"{program} could not be started.");
        using CancellationTokenRegistration kill = cancellationToken.Register(() => process.Kill(entireProcessTree: true));
        Task<string> errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        cancellationToken.ThrowIfCancellationRequested();
        return process.ExitCode == 0
            ? output.TrimEnd().Split('\n')[^1]
            : throw new EvaluationException(string.Create(CultureInfo.InvariantCulture, $"{string.Join(' ', arguments)} ended with {process.ExitCode}: {errors.GetAwaiter().GetResult().Trim()}"));
    }
}
