// Every score of one feature matrix against another, with intervals, passports and refusals.

using Kinora.Evaluation.Clips;
using Kinora.Evaluation.Features;
using Kinora.Evaluation.Scores;
using Kinora.Evaluation.Statistics;
using Kinora.Engine.Random;

namespace Kinora.Evaluation.Distributions;

/// <summary>What the features are and how they are compared.</summary>
public sealed record DistributionOptions
{
    /// <summary>Below these counts a score is refused, because its bias or its spread is larger than the differences people look for.</summary>
    public const int FrechetMinimum = 128, KernelMinimum = 32, NeighborhoodMinimum = 64, InceptionMinimum = 100, ExtrapolationMinimum = 256;

    /// <summary>Subtracted from n under a covariance: 1 (usual) or 0 (the running statistics of some training code).</summary>
    public int Ddof { get; init; } = 1;

    /// <summary>Neighbors of precision, recall, density and coverage.</summary>
    public int Neighbors { get; init; } = NeighborhoodScores.DefaultNeighbors;

    /// <summary>Splits of the inception score.</summary>
    public int Splits { get; init; } = InceptionScore.PublishedSplits;

    /// <summary>Resamples of bootstrap intervals; 0 for none.</summary>
    public int Resamples { get; init; } = 100;

    /// <summary>Decides the resamples.</summary>
    public ulong Seed { get; init; }

    /// <summary>Compute scores of fewer clips than they need, with a warning.</summary>
    public bool AllowFew { get; init; }

    /// <summary>What to do about fewer clips than a score needs, as the last sentence of the refusal.</summary>
    public string FewRemedy { get; init; } = "--few computes it all the same, with a warning";

    /// <summary>What the features are, for the passport.</summary>
    public string Features { get; init; } = "given";

    /// <summary>What was done to the frames, for the passport.</summary>
    public string Preprocessing { get; init; } = "";

    /// <summary>The network's weights, for the passport.</summary>
    public string? WeightsSha256 { get; init; }

    /// <summary>"frechet" or the name of what it becomes on these features: "fvd", "fid".</summary>
    public string FrechetName { get; init; } = "frechet";

    /// <summary>"kernel" or the name of what it becomes on these features: "kvd", "kid".</summary>
    public string KernelName { get; init; } = "kernel";

    /// <summary>Throws <see cref="EvaluationException"/> where a number is out of range.</summary>
    public void Validate()
    {
        if (Ddof is not (0 or 1))
            throw new EvaluationException($"ddof must be 0 or 1, got {Ddof}.");
        if (Neighbors < 1)
            throw new EvaluationException($"neighbors must be at least 1, got {Neighbors}.");
        if (Splits < 1)
            throw new EvaluationException($"splits must be at least 1, got {Splits}.");
        if (Resamples is < 0 or 1)
            throw new EvaluationException($"resamples must be 0 (no interval) or at least 2, got {Resamples}.");
    }
}

/// <summary>Scores of generated features.</summary>
public static class DistributionSuite
{
    /// <summary>Distances between generated and real features.</summary>
    public static ScoreSheet Compare(FeatureMatrix generated, FeatureMatrix real, DistributionOptions options, Action<string, int, int>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(generated);
        ArgumentNullException.ThrowIfNull(real);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        if (generated.Dimension != real.Dimension)
            throw new EvaluationException($"{generated.Name} has {generated.Dimension} features, {real.Name} has {real.Dimension}; both must come from the same network and layer.");
        var sheet = new Collector(options, generated, real);
        int smaller = Math.Min(generated.Count, real.Count);

        sheet.Add(options.FrechetName, smaller, DistributionOptions.FrechetMinimum, () =>
        {
            var passport = sheet.Passport("frechet/1") with { Ddof = options.Ddof };
            double value = FrechetDistance.Between(real, generated, options.Ddof).Distance;
            string[] warnings = smaller <= real.Dimension ? [$"{smaller} clips for {real.Dimension} features: the covariance is singular and the distance too large; compare only equal counts"] : [];
            if (options.Resamples == 0)
                return [new Score(options.FrechetName, value, null, null, null, passport) { Warnings = warnings }];
            passport.Settings["resamples"] = options.Resamples.ToString();
            Interval interval = FrechetUncertainty.Bootstrap(real, generated, options.Resamples, options.Seed, options.Ddof, done => progress?.Invoke("resampling", done, options.Resamples), cancellationToken);
            return [new Score(options.FrechetName, value, Math.Max(0, interval.Low), interval.High, "bootstrap, shifted", passport) { Warnings = warnings }];
        });
        sheet.Add(options.FrechetName + "-infinity", generated.Count, DistributionOptions.ExtrapolationMinimum, () =>
        {
            FrechetExtrapolation e = FrechetUncertainty.Extrapolate(real, generated, options.Seed, options.Ddof, cancellationToken);
            Score score = Normal(options.FrechetName + "-infinity", e.Limit, e.StandardError, sheet.Passport("frechet-infinity/1") with { Ddof = options.Ddof });
            score.Details["slope"] = e.Slope;
            return [score];
        });
        sheet.Add(options.KernelName, smaller, DistributionOptions.KernelMinimum, () =>
        {
            KernelDiscrepancy k = KernelDistance.Between(real, generated, PolynomialKernel.Cubic);
            return [Normal(options.KernelName, k.Unbiased, k.StandardError, sheet.Passport("mmd-polynomial-3-unbiased/1"))];
        });
        sheet.Add("mmd-quadratic", smaller, DistributionOptions.KernelMinimum, () =>
        {
            KernelDiscrepancy k = KernelDistance.Between(real, generated, PolynomialKernel.Quadratic);
            return [Normal("mmd-quadratic", k.Unbiased, k.StandardError, sheet.Passport("mmd-polynomial-2-unbiased/1"))];
        });
        sheet.Add("precision, recall, density, coverage", smaller, Math.Max(DistributionOptions.NeighborhoodMinimum, options.Neighbors + 1), () =>
        {
            NeighborhoodScores n = NeighborhoodScores.Of(real, generated, options.Neighbors);
            ScorePassport Passport() => sheet.Passport("neighborhood/1") with { Settings = new(StringComparer.Ordinal) { ["neighbors"] = options.Neighbors.ToString() } };
            Score Wilson(string name, WilsonInterval w) => new(name, w.Share, w.Low, w.High, "wilson", Passport());
            return [Wilson("precision", n.Precision), Wilson("recall", n.Recall), Normal("density", n.Density, n.DensityError, Passport()), Wilson("coverage", n.Coverage)];
        });
        sheet.Add("wasserstein-1", smaller, DistributionOptions.KernelMinimum, () =>
        {
            Interval mean = Interval.MeanOf(MarginalWasserstein.Between(real, generated));
            return [new Score("wasserstein-1", mean.Value, null, null, null, sheet.Passport("wasserstein-1-marginal-mean/1"))];
        });
        return sheet.Done();
    }

    /// <summary>The inception score of class probabilities.</summary>
    /// <param name="name">"is", or a name that says which classifier it was.</param>
    public static ScoreSheet Inception(FeatureMatrix probabilities, string name, DistributionOptions options)
    {
        ArgumentNullException.ThrowIfNull(probabilities);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var sheet = new Collector(options, probabilities, null);
        sheet.Add(name, probabilities.Count, DistributionOptions.InceptionMinimum, () =>
        {
            InceptionScoreValue value = InceptionScore.Of(probabilities, Math.Min(options.Splits, probabilities.Count));
            var passport = sheet.Passport("inception-score/1");
            passport.Settings["splits"] = options.Splits.ToString();
            SortedDictionary<string, double> details = new(StringComparer.Ordinal) { ["deviation"] = value.Deviation };
            if (options.Resamples == 0)
                return [new Score(name, value.Mean, null, null, null, passport) { Details = details }];
            passport.Settings["resamples"] = options.Resamples.ToString();
            var generator = new Generator(options.Seed);
            Interval interval = BootstrapInterval.Shifted(value.Mean, options.Resamples, _ => InceptionScore.Of(BootstrapInterval.Resample(probabilities, generator), options.Splits).Mean);
            return [new Score(name, value.Mean, Math.Max(1, interval.Low), interval.High, "bootstrap, shifted", passport) { Details = details }];
        });
        return sheet.Done();
    }

    private static Score Normal(string name, double value, double error, ScorePassport passport)
    {
        Interval interval = Interval.Normal(value, error);
        return new Score(name, value, interval.Low, interval.High, "normal", passport);
    }

    private sealed class Collector(DistributionOptions options, FeatureMatrix generated, FeatureMatrix? real)
    {
        private readonly List<Score> _scores = [];
        private readonly List<RefusedScore> _refused = [];
        private readonly string _subject = generated.Sha256();
        private readonly string? _reference = real?.Sha256();

        public ScorePassport Passport(string protocol) => new()
        {
            Protocol = protocol, Features = options.Features, Preprocessing = options.Preprocessing, WeightsSha256 = options.WeightsSha256, SubjectSha256 = _subject, ReferenceSha256 = _reference,
            Count = generated.Count, ReferenceCount = real?.Count, Dimension = generated.Dimension,
        };

        public void Add(string name, int count, int minimum, Func<IReadOnlyList<Score>> measure)
        {
            if (count < minimum && !options.AllowFew)
            {
                _refused.Add(new RefusedScore(name, $"needs at least {minimum} clips, got {count}{(real is null ? "" : $" ({generated.Name}: {generated.Count}, {real.Name}: {real.Count})")}. {options.FewRemedy}"));
                return;
            }
            try
            {
                string[] few = count < minimum ? [$"only {Words.Count(count, "clip")}; {minimum} are the least that make sense"] : [];
                _scores.AddRange(measure().Select(s => s with { Warnings = [.. few, .. s.Warnings] }));
            }
            catch (EvaluationException e)
            {
                _refused.Add(new RefusedScore(name, e.Message));
            }
        }

        public ScoreSheet Done() => new(_scores, _refused);
    }
}
