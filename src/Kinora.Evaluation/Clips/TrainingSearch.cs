// Which training clip resembles each judged clip most, for folders of any clips.

using Kinora.Evaluation.Features;
using Kinora.Evaluation.Retrieval;
using Kinora.Evaluation.Scores;
using Kinora.Media;

namespace Kinora.Evaluation.Clips;

/// <summary>The training clip that resembles a judged clip most.</summary>
/// <param name="Name">The file, relative to the training folder.</param>
/// <param name="Path">Where it was, for the page.</param>
/// <param name="Similarity">Correlation of both coarse clips.</param>
public sealed record NearestTrainingClip(string Name, string Path, double Similarity);

/// <summary>Searches a folder of training clips.</summary>
internal static class TrainingSearch
{
    /// <summary>The judged clips with their nearest training clips, and the scores of copying.</summary>
    /// <param name="records">Judged clips.</param>
    /// <param name="described">Their descriptors, one for each.</param>
    /// <param name="training">Clips of the training folder as they come out of the decoder.</param>
    /// <param name="heldOut">Clips that no training saw, likewise; none when there is no reference.</param>
    /// <param name="skipped">Takes clips that cannot be read.</param>
    /// <param name="seed">Decides the permutations.</param>
    /// <exception cref="EvaluationException">No training clip could be read.</exception>
    public static (List<ClipRecord> Records, ScoreSheet Sheet) Of(List<ClipRecord> records, IReadOnlyList<double> described, IEnumerable<(ClipFile File, Clip? Clip, string? Failure)> training, IEnumerable<(ClipFile File, Clip? Clip, string? Failure)> heldOut, List<SkippedClip> skipped, ulong seed)
    {
        var (files, features) = Describe(training, "training", skipped);
        if (files.Count == 0)
            throw new EvaluationException($"no training clip could be read; {skipped[^1].Name}: {skipped[^1].Reason}.");
        var matrix = new FeatureMatrix("training clips", files.Count, PixelDescriptor.Dimension, [.. features]);
        IReadOnlyList<NearestClip> nearest = Memorization.Nearest(new FeatureMatrix("clips", records.Count, PixelDescriptor.Dimension, [.. described]), matrix);
        var (others, otherFeatures) = Describe(heldOut, "reference", skipped);
        IReadOnlyList<NearestClip> real = others.Count > 0 ? Memorization.Nearest(new FeatureMatrix("reference", others.Count, PixelDescriptor.Dimension, [.. otherFeatures]), matrix) : [];
        List<ClipRecord> found = [.. records.Zip(nearest, (r, n) => r with { Nearest = new NearestTrainingClip(files[n.Index].Name, Path.GetFullPath(files[n.Index].Path), n.Similarity) })];
        return (found, Memorization.Sheet(nearest, real, files.Count, PixelDescriptor.Name, null, seed));
    }

    private static (List<ClipFile> Files, List<double> Features) Describe(IEnumerable<(ClipFile File, Clip? Clip, string? Failure)> clips, string side, List<SkippedClip> skipped)
    {
        var files = new List<ClipFile>();
        var features = new List<double>();
        foreach (var (file, clip, failure) in clips)
        {
            try
            {
                features.AddRange(PixelDescriptor.Of(clip ?? throw new EvaluationException(failure!)));
                files.Add(file);
            }
            catch (EvaluationException e)
            {
                skipped.Add(new SkippedClip($"{side}: {file.Name}", e.Message));
            }
        }
        return (files, features);
    }
}
