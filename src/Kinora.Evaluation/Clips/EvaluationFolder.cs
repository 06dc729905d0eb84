// What an evaluation leaves on disk: index.html, report.json, scores.jsonl (only ever longer), features.safetensors.

using System.Text;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Features;
using Kinora.Evaluation.Scores;

namespace Kinora.Evaluation.Clips;

/// <summary>Writes and reads the folder of an evaluation.</summary>
public static class EvaluationFolder
{
    /// <summary>Names of the files.</summary>
    public const string ReportFile = "report.json", ScoresFile = "scores.jsonl", PageFile = "index.html", FeaturesFile = "features.safetensors";

    private const string Generated = "features", Reference = "reference";

    /// <summary>Writes everything; earlier lines of the scores file stay.</summary>
    public static void Write(string folder, ClipEvaluationResult result)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(result);
        Directory.CreateDirectory(folder);
        EvaluationReport report = result.Report;
        ScoreLog.Append(Path.Combine(folder, ScoresFile), report.Subject, report.Sheet.Scores, report.Time);
        if (result is { Features: { } features, ReferenceFeatures: { } reference })
        {
            using var scope = TensorScope.Enter();
            SafetensorsWriter.Write(Path.Combine(folder, FeaturesFile), [KeyValuePair.Create(Generated, features.ToTensor()), KeyValuePair.Create(Reference, reference.ToTensor())]);
        }
        Text(Path.Combine(folder, PageFile), EvaluationPage.Write(report, folder));
        Text(Path.Combine(folder, ReportFile), report.ToJson());
    }

    /// <summary>The features beside a report; null when there are none.</summary>
    public static (FeatureMatrix Generated, FeatureMatrix Reference)? ReadFeatures(string reportPath)
    {
        string path = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(reportPath))!, FeaturesFile);
        if (!File.Exists(path))
            return null;
        using var scope = TensorScope.Enter();
        using var file = SafetensorsFile.Open(path);
        FeatureMatrix Read(string name)
        {
            Tensor t = file.Read(name, DType.Float64);
            return new FeatureMatrix($"{path}: {name}", (int)t.Size(0), (int)t.Size(1), t.ToArray<double>());
        }

        return (Read(Generated), Read(Reference));
    }

    private static void Text(string path, string text) => AtomicFile.Write(path, file => file.Write(Encoding.UTF8.GetBytes(text)));
}
