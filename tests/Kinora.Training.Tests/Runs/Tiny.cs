using System.Diagnostics;
using Kinora.Training.Loop;
using Kinora.Training.Recipes;

namespace Kinora.Training.Tests.Runs;

/// <summary>The tiny recipe, run in this process or in one of its own.</summary>
internal static class Tiny
{
    public static string RecipePath => Path.Combine(AppContext.BaseDirectory, "recipes", "tiny.yaml");

    public static Recipe Recipe() => RecipeFile.Read(RecipePath);

    public static string Train(Recipe recipe, string folder, IProgress<TrainingProgress>? progress = null, string? until = null, CancellationToken cancellationToken = default)
        => TrainingRun.Execute(recipe, new TrainingOptions { Folder = folder, Until = until }, progress ?? new Silent(), cancellationToken);

    /// <summary>Starts <c>kinora train</c>.</summary>
    public static Process Start(string folder, IReadOnlyDictionary<string, string>? environment = null, params string[] options)
    {
        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (string argument in (string[])[Path.Combine(AppContext.BaseDirectory, "kinora-cli.dll"), "train", RecipePath, "--run", folder, .. options])
            start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        return Process.Start(start) ?? throw new InvalidOperationException("kinora train did not start");
    }

    /// <summary>What a run's log says of the curve: everything but times.</summary>
    public static IReadOnlyList<string> Curve(string folder, string stage)
        => [.. TrainingLog.Read(Path.Combine(folder, stage, "log.jsonl")).Select(e => $"{e.Step} {string.Join(' ', e.Metrics.Select(m => $"{m.Key}={m.Value:R}"))} {e.GradNorm:R} {e.LearningRate:R}")];

    /// <summary>Every file of the model folder except its card, which tells times.</summary>
    public static IReadOnlyDictionary<string, byte[]> ModelFiles(string folder)
    {
        string model = Path.Combine(folder, "model");
        return Directory.GetFiles(model, "*", SearchOption.AllDirectories).Where(f => Path.GetFileName(f) != "README.md").ToDictionary(f => Path.GetRelativePath(model, f), File.ReadAllBytes, StringComparer.Ordinal);
    }

    private sealed class Silent : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            // Tests look at files.
        }
    }
}
