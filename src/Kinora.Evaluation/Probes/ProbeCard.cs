using System.Globalization;
using System.Text;
using Kinora.Evaluation.Quality;

namespace Kinora.Evaluation.Probes;

/// <summary>README.md of a probe's folder.</summary>
public static class ProbeCard
{
    private const string FinderHeading = "## Counts and relations";

    /// <summary>The card with what is true of a finder, in place of what it said before.</summary>
    public static string WithFinder(string card, ThingFinder finder, ThingTrainingOptions training, PairGateResult real)
    {
        ArgumentNullException.ThrowIfNull(card);
        ArgumentNullException.ThrowIfNull(finder);
        ArgumentNullException.ThrowIfNull(training);
        ArgumentNullException.ThrowIfNull(real);
        int at = card.IndexOf(FinderHeading, StringComparison.Ordinal);
        var text = new StringBuilder((at < 0 ? card : card[..at]).TrimEnd() + "\n\n");
        text.Append(CultureInfo.InvariantCulture, $"{FinderHeading}\n\nThe folder `things` holds a finder: a network that says where the things in a frame are, what they are and which color they have, by a heat map of their centers (the classifier above pools over positions and cannot know which noun stands where). {ThingReading.Looks} frames of a clip are looked at. How many things there are is the median of the peaks; which of them a prompt names follows from noun and color together; how they stand to each other is arithmetic on their positions, and a chase is two things that travel the same way, the first behind.\n\n");
        text.Append(CultureInfo.InvariantCulture, $"{finder.ParameterCount} parameters, bfloat16. Trained for {training.Steps} steps of three frames of {training.BatchSize} freshly rendered clips (seed {training.Seed}), disturbed as above: {100 * training.Anywhere:0} % with none to four things anywhere, {100 * training.Single:0} % with one thing and {100 * (1 - training.Anywhere - training.Single):0} % with two of the training split, none with a held-out combination. Its first five layers began with those of the classifier, and the first {training.FixedLayers} kept them. `things/training.json` is the recipe; train it again: `kinora bench quality --retrain-finder`, or both networks: `--retrain`.\n\n");
        text.Append(CultureInfo.InvariantCulture, $"{real.Two.Clips} real clips of two things, one of them a held-out combination, and {real.One.Clips} of one:\n\n| attribute | right | 95 % interval |\n|---|---|---|\n");
        foreach (AttributeScore s in real.Scores.Append(real.Nouns))
            text.Append(CultureInfo.InvariantCulture, $"| {Describe(s.Attribute)} | {100 * s.Share:F1} % | {100 * s.Low:F1}–{100 * s.High:F1} % |\n");
        return text.Append(CultureInfo.InvariantCulture, $"\nBefore every use the finder reads freshly rendered real clips and is refused when one of these is below {100 * ProbeGate.Required:F0} %, except that nouns below it are merely not scored: which thing is which follows from noun and color together. A false relation is the prompt with both things exchanged.\n").ToString();
    }

    private static string Describe(string attribute) => attribute switch { PairVerdicts.Count => "count of two", PairVerdicts.Nouns => "both nouns", PairVerdicts.Colors => "both colors", _ => attribute };

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
