// Does a generator repeat its training clips? The similarity of a clip to its nearest training clip means nothing by itself: real clips
// that were never trained on have near neighbors too. So the threshold is what 99 of 100 such clips stay below, and the question is
// whether more than one in a hundred generated clips exceeds it (the held-out calibration of Carlini et al., "Extracting Training Data
// from Diffusion Models", arXiv:2301.13188, section 4, with a distance of our own).

using Kinora.Engine.Random;
using Kinora.Evaluation.Features;
using Kinora.Evaluation.Scores;
using Kinora.Evaluation.Statistics;

namespace Kinora.Evaluation.Retrieval;

/// <summary>The training clip that resembles a clip most.</summary>
/// <param name="Index">Its place among the training clips.</param>
/// <param name="Similarity">Cosine of both descriptors.</param>
public readonly record struct NearestClip(int Index, double Similarity);

/// <summary>Nearest training clips, and what they say about copying.</summary>
public static class Memorization
{
    /// <summary>Share of clips above the threshold, by name.</summary>
    public const string Score = "memorization";

    /// <summary>Mean similarity to the nearest training clip, by name.</summary>
    public const string Similarity = "training-similarity";

    /// <summary>Held-out real clips needed for a threshold that one in a hundred exceeds.</summary>
    public const int CalibrationMinimum = 100;

    /// <summary>The quantile of held-out real clips that is the threshold.</summary>
    public const double Quantile = 0.99;

    private const int BlockRows = 4096;

    /// <summary>For each row of <paramref name="clips"/> the nearest row of <paramref name="training"/>; of equals the first.</summary>
    /// <exception cref="EvaluationException">Descriptors differ in length.</exception>
    public static IReadOnlyList<NearestClip> Nearest(FeatureMatrix clips, FeatureMatrix training)
    {
        ArgumentNullException.ThrowIfNull(clips);
        ArgumentNullException.ThrowIfNull(training);
        if (clips.Dimension != training.Dimension)
            throw new EvaluationException($"{clips.Name} has {clips.Dimension} numbers a clip, {training.Name} has {training.Dimension}; both need the same descriptor.");
        var best = Enumerable.Repeat(new NearestClip(-1, double.NegativeInfinity), clips.Count).ToArray();
        for (int start = 0; start < training.Count; start += BlockRows)
        {
            int n = Math.Min(BlockRows, training.Count - start);
            var block = new FeatureMatrix(training.Name, n, training.Dimension, training.Values[(start * training.Dimension)..((start + n) * training.Dimension)]);
            double[] similar = RetrievalScores.Similarities(clips, block);
            for (int i = 0; i < clips.Count; i++)
            {
                for (int j = 0; j < n; j++)
                {
                    if (similar[i * n + j] > best[i].Similarity)
                        best[i] = new NearestClip(start + j, similar[i * n + j]);
                }
            }
        }
        return best;
    }

    /// <summary>Scores of nearest neighbors of generated clips against those of held-out real clips.</summary>
    /// <param name="generated">Of generated clips.</param>
    /// <param name="heldOut">Of real clips that no training saw; empty when there are none.</param>
    /// <param name="trainingClips">How many training clips there were to be near to.</param>
    /// <param name="features">The descriptor, in words.</param>
    /// <param name="weightsSha256">Its weights; null without any.</param>
    /// <param name="seed">Decides the permutations.</param>
    public static ScoreSheet Sheet(IReadOnlyList<NearestClip> generated, IReadOnlyList<NearestClip> heldOut, int trainingClips, string features, string? weightsSha256, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(generated);
        ArgumentNullException.ThrowIfNull(heldOut);
        const int permutations = 2000;
        ScorePassport Passport(string protocol) => new() { Protocol = protocol, Features = features, WeightsSha256 = weightsSha256, Count = generated.Count, ReferenceCount = heldOut.Count, Settings = new(StringComparer.Ordinal) { ["training clips"] = trainingClips.ToString(System.Globalization.CultureInfo.InvariantCulture) } };
        double[] own = [.. generated.Select(n => n.Similarity)], real = [.. heldOut.Select(n => n.Similarity)];
        Interval mean = Interval.MeanOf(own);
        var details = new SortedDictionary<string, double>(StringComparer.Ordinal);
        if (real.Length > 1)
        {
            details["held-out real clips"] = real.Average();
            details["p of the difference"] = PermutationTest.TwoSample(own, real, permutations, new Generator(seed));
        }
        var similarity = own.Length > 1 ? new Score(Similarity, mean.Value, mean.Low, mean.High, "normal over clips", Passport("training-similarity/1")) : new Score(Similarity, mean.Value, null, null, null, Passport("training-similarity/1"));
        similarity = similarity with { Details = details };
        if (real.Length < CalibrationMinimum)
            return new ScoreSheet([similarity], [new RefusedScore(Score, $"{real.Length} held-out real clips; a threshold that one in a hundred exceeds needs {CalibrationMinimum}. Give more with --reference")]);
        double threshold = BootstrapInterval.Quantile([.. real.Order()], Quantile);
        WilsonInterval share = WilsonInterval.Of(own.Count(s => s > threshold), own.Length);
        var score = new Score(Score, share.Share, share.Low, share.High, "wilson", Passport("memorization/1"))
        {
            Details = new(StringComparer.Ordinal) { ["threshold"] = threshold, ["expected of real clips"] = 1 - Quantile },
            Warnings = share.Low > 1 - Quantile ? [$"more clips than chance explains are nearer to a training clip than {100 * Quantile:0} % of held-out real clips: look at the nearest pairs"] : [],
        };
        return new ScoreSheet([similarity, score], []);
    }
}
