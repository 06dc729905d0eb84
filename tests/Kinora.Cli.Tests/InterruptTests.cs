// Ctrl-C on the real process: a signal cannot be sent to one verb inside the test host.

using System.Diagnostics;
using System.Runtime.InteropServices;
using Kinora.Cli.Shell;

namespace Kinora.Cli.Tests;

public sealed partial class InterruptTests(TinyModel model) : IClassFixture<TinyModel>
{
    private const int SigInt = 2;

    [Fact]
    public async Task Interrupt_WhileSampling_StopsAndLeavesNoFile()
    {
        string folder = Directory.CreateDirectory(Path.Combine(model.Base, "interrupt")).FullName;
        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (string argument in new[] { Path.Combine(AppContext.BaseDirectory, "kinora-cli.dll"), "generate", "a red balloon", "--model", model.Folder, "--steps", "1000", "--size", "512x512", "-o", Path.Combine(folder, "clip.mp4") })
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        string? line;
        do { line = await process.StandardError.ReadLineAsync(); }
        while (line is not null && !line.StartsWith("sampling", StringComparison.Ordinal));
        kill(process.Id, SigInt).ShouldBe(0);
        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        process.ExitCode.ShouldBe(ExitCodes.Canceled, error);
        error.ShouldContain("kinora generate: stopped");
        Directory.EnumerateFileSystemEntries(folder).ShouldBeEmpty();
    }

    [LibraryImport("libc")]
    private static partial int kill(int process, int signal);
}
