using System.Globalization;
using System.Text;
using Kinora.Evaluation.Quality;

namespace Kinora.Evaluation.Probes;

/// <summary>README.md of a probe's folder.</summary>
public static class ProbeCard
{
    /// <summary>The card's text.</summary>
    public static string Write(WorldProbe probe, ProbeTrainingOptions training, ScoreRow real)
    {
        ArgumentNullException.ThrowIfNull(probe);
        ArgumentNullException.ThrowIfNull(training);
        ArgumentNullException.ThrowIfNull(real);
        var c = probe.Config;
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# {ProbeFolder.DefaultName}\n\n");
        text.Append("A classifier of the procedural world's clips: noun, color, motion and setting of a clip with one actor. `kinora bench quality` judges generated clips with it.\n\n");
        text.Append(CultureInfo.InvariantCulture, $"{probe.ParameterCount} parameters, bfloat16. Clips of {c.Size}×{c.Size}, {c.Frames} frames. Trained for {training.Steps} steps of {training.BatchSize} freshly rendered clips and {training.StillSteps} steps of {training.StillBatchSize} triples of their frames (seed {training.Seed}), disturbed as a codec and a generator disturb them; combinations of the held-out split were never shown. Train it again: `kinora bench quality --retrain`.\n\n");
        text.Append(CultureInfo.InvariantCulture, $"## Accuracy on {real.Clips} real clips of held-out combinations\n\n| attribute | classes | right | 95 % interval |\n|---|---|---|---|\n");
        foreach (var attribute in c.Attributes)
        {
            AttributeScore s = real[attribute.Name];
            text.Append(CultureInfo.InvariantCulture, $"| {attribute.Name} | {attribute.Classes.Count} | {100 * s.Share:F1} % | {100 * s.Low:F1}–{100 * s.High:F1} % |\n");
        }
        text.Append(CultureInfo.InvariantCulture, $"\nBefore every use the probe reads freshly rendered real clips and is refused when an attribute is below {100 * ProbeGate.Required:F0} %.\n");
        return text.ToString();
    }
}
