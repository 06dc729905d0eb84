// Finds fixtures and runs each through the product's own code.

using System.Diagnostics;
using Kinora.Engine;

namespace Kinora.Evaluation.Parity;

/// <summary>Holds the product's numbers against those of reference implementations.</summary>
public static class ParityRun
{
    /// <summary>Folders under <paramref name="root"/> (or root itself) that hold a meta.json, in name order.</summary>
    /// <param name="root">Where to look.</param>
    /// <param name="filter">Only fixtures whose area/name contains this; null for all.</param>
    /// <exception cref="ConfigException">The folder is not there.</exception>
    public static IReadOnlyList<string> Find(string root, string? filter = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(root);
        if (!Directory.Exists(root))
        {
            throw new ConfigException($"{root}: there is no such folder.");
        }
        return [.. Directory.EnumerateFiles(root, Fixture.MetaFile, SearchOption.AllDirectories)
            .Select(file => Path.GetDirectoryName(file)!)
            .Where(folder => filter is null || ShortName(folder).Contains(filter, StringComparison.OrdinalIgnoreCase))
            .Order(StringComparer.Ordinal)];
    }

    /// <summary>Runs one fixture. A defect of the fixture or of a network is a failed result, never an exception. Call on the engine's thread.</summary>
    public static ParityResult Run(string folder)
    {
        var clock = Stopwatch.StartNew();
        string name = ShortName(folder), className = "";
        FixtureOutputs? outputs = null;
        try
        {
            using Fixture fixture = Fixture.Open(folder);
            (name, className) = ($"{fixture.Area}/{fixture.Name}", fixture.ClassName);
            if (FixtureRunners.Find(fixture.ClassName) is not { } runner)
            {
                return new ParityResult(name, className, ParityOutcome.Unsupported, [], null, clock.Elapsed.TotalSeconds);
            }
            outputs = new FixtureOutputs(fixture);
            using var scope = TensorScope.Enter();
            if (fixture.WantsGradients)
            {
                runner.Run(fixture, outputs);
            }
            else
            {
                using var noGrad = GradMode.NoGrad();
                runner.Run(fixture, outputs);
            }
            outputs.Finish();
            return new ParityResult(name, className, outputs.Comparisons.All(c => c.Passed) ? ParityOutcome.Pass : ParityOutcome.Fail, outputs.Comparisons, null, clock.Elapsed.TotalSeconds);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return new ParityResult(name, className, ParityOutcome.Fail, outputs?.Comparisons ?? [], e is KinoraException ? e.Message : $"{e.GetType().Name}: {e.Message}", clock.Elapsed.TotalSeconds);
        }
    }

    private static string ShortName(string folder)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        return $"{Path.GetFileName(Path.GetDirectoryName(full))}/{Path.GetFileName(full)}";
    }
}
