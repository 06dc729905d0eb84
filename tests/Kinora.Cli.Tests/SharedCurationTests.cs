// Several processes, one folder: what array jobs of a cluster do, and what is left when one of them dies.

using System.Diagnostics;
using Kinora.Cli.Shell;
using Kinora.Media;

namespace Kinora.Cli.Tests;

public sealed class SharedCurationTests : IDisposable
{
    private const int Films = 6, Processes = 3, KilledBySignal = 128 + 9;
    private readonly string _root = Directory.CreateTempSubdirectory("kinora-shared-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task Curate_ByThreeProcessesOfWhichOneIsKilled_GivesTheBytesOfOne()
    {
        string corpus = Corpus(), recipe = Path.Combine(_root, "recipe.json"), shared = Path.Combine(_root, "shared"), alone = Path.Combine(_root, "alone");
        await File.WriteAllTextAsync(recipe, """{"rules":[],"duplicate_bits":-1}""");
        Process[] processes = [.. Enumerable.Range(0, Processes).Select(_ => Start(corpus, shared, recipe))];
        var said = processes.Select(p => p.StandardError.ReadToEndAsync()).ToList();
        // The first to claim a piece of work dies with the claim.
        Process victim = processes[await FirstClaim(Path.Combine(shared, "work", "leases"), processes)];
        victim.Kill();
        for (int i = 0; i < Processes; i++)
        {
            await processes[i].WaitForExitAsync();
            processes[i].ExitCode.ShouldBe(processes[i] == victim ? KilledBySignal : ExitCodes.Success, await said[i]);
            processes[i].Dispose();
        }

        (await Cli.RunAsync("curate", "verify", shared, "--decode")).ExitCode.ShouldBe(ExitCodes.Success);
        var outcome = await Cli.RunAsync("curate", corpus, "-o", alone, "--recipe", recipe);
        outcome.ExitCode.ShouldBe(ExitCodes.Success, outcome.Error);
        string[] Files(string folder) => [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(folder, f)).Where(f => f != "report.html" && !f.StartsWith("work", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        Files(shared).ShouldBe(Files(alone));
        foreach (string file in Files(alone)) { (await File.ReadAllBytesAsync(Path.Combine(shared, file))).ShouldBe(await File.ReadAllBytesAsync(Path.Combine(alone, file)), file); }
        (await File.ReadAllLinesAsync(Path.Combine(shared, "manifest.jsonl"))).Length.ShouldBe(Films);
    }

    private static async Task<int> FirstClaim(string leases, Process[] processes)
    {
        var patience = Stopwatch.StartNew();
        while (true)
        {
            foreach (string claim in Directory.Exists(leases) ? Directory.GetFiles(leases, "*.lease") : [])
            {
                string[] owner;
                try { owner = await File.ReadAllLinesAsync(claim); }
                catch (IOException) { continue; }
                if (owner.Length >= 2 && Array.FindIndex(processes, p => p.Id.ToString(System.Globalization.CultureInfo.InvariantCulture) == owner[1]) is var i and >= 0) { return i; }
            }
            patience.Elapsed.ShouldBeLessThan(TimeSpan.FromMinutes(2));
            await Task.Yield();
        }
    }

    private static Process Start(string corpus, string output, string recipe)
    {
        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (string argument in new[] { Path.Combine(AppContext.BaseDirectory, "kinora-cli.dll"), "curate", corpus, "-o", output, "--recipe", recipe }) { start.ArgumentList.Add(argument); }
        return Process.Start(start)!;
    }

    private string Corpus()
    {
        const int width = 96, height = 64, frames = 24;
        string folder = Directory.CreateDirectory(Path.Combine(_root, "corpus")).FullName;
        for (int film = 0; film < Films; film++)
        {
            VideoFrame Frame(int n)
            {
                byte[] rgb = new byte[width * height * 3];
                for (int i = 0; i < rgb.Length; i++) { rgb[i] = (byte)(128 + (90 * Math.Sin((i + (6 * n)) * (film + 2) * 0.01))); }
                return new VideoFrame(width, height, rgb);
            }
            new Clip([.. Enumerable.Range(0, frames).Select(Frame)], 24).Save(Path.Combine(folder, $"film{film}.mp4"));
        }
        return folder;
    }
}
