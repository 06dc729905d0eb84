// Everything that networks trained on the procedural world say of a set of clips: the probe's answers, distances in the probe's own
// outputs, and the cosine of clip and prompt. Names begin with "world.": nothing here is an FVD, an inception score or a CLIPSIM in the
// published sense.

using Kinora.Engine;
using Kinora.Evaluation.Distributions;
using Kinora.Evaluation.Features;
using Kinora.Evaluation.Probes;
using Kinora.Evaluation.Quality;
using Kinora.Evaluation.Retrieval;
using Kinora.Evaluation.Scores;
using Kinora.Evaluation.Statistics;

namespace Kinora.Evaluation.Judging;

/// <summary>What the jury saw.</summary>
/// <param name="Count">Clips.</param>
/// <param name="Labels">What prompts ask for, row-major [clips, attributes].</param>
/// <param name="Answers">What the probe answers, row-major [clips, attributes].</param>
/// <param name="Logits">The probe's outputs, one row for each clip.</param>
/// <param name="Clips">Unit vectors of clips; null without a text–clip model.</param>
/// <param name="Prompts">Unit vectors of their prompts.</param>
public sealed record WorldReading(int Count, IReadOnlyList<int> Labels, IReadOnlyList<int> Answers, FeatureMatrix Logits, FeatureMatrix? Clips, FeatureMatrix? Prompts)
{
    /// <summary>Cosine of each clip and its prompt; empty without a text–clip model.</summary>
    public IReadOnlyList<double> Similarities { get; } = Clips is null || Prompts is null ? [] : [.. Enumerable.Range(0, Count).Select(i => Cosine(Clips.Row(i), Prompts.Row(i)))];

    /// <summary>Both readings as one.</summary>
    public WorldReading With(WorldReading other)
    {
        ArgumentNullException.ThrowIfNull(other);
        static FeatureMatrix? Join(FeatureMatrix? a, FeatureMatrix? b) => a is null || b is null ? null : new FeatureMatrix(a.Name, a.Count + b.Count, a.Dimension, [.. a.Values, .. b.Values]);
        return new WorldReading(Count + other.Count, [.. Labels, .. other.Labels], [.. Answers, .. other.Answers], Join(Logits, other.Logits)!, Join(Clips, other.Clips), Join(Prompts, other.Prompts));
    }

    private static double Cosine(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }
}

/// <summary>The probe and the text–clip model. Dispose frees both.</summary>
public sealed class WorldJury : IDisposable
{
    private const int BatchSize = 32;
    private readonly Device _device;
    private bool _readsNouns;

    /// <summary>Loads the networks.</summary>
    /// <param name="probeFolder">The probe.</param>
    /// <param name="clipFolder">The text–clip model; null leaves its scores out.</param>
    /// <param name="device">Where they run.</param>
    /// <exception cref="ConfigException">A configuration is wrong, or both read clips of different sizes.</exception>
    public WorldJury(string probeFolder, string? clipFolder, Device device)
    {
        _device = device;
        Probe = ProbeFolder.Load(probeFolder, device);
        ProbeSha256 = ProbeFolder.Sha256(probeFolder);
        try
        {
            if (ThingFinderFolder.Exists(probeFolder))
            {
                Finder = ThingFinderFolder.Load(probeFolder, device);
                FinderSha256 = ThingFinderFolder.Sha256(probeFolder);
                if (Finder.Config.Size != Probe.Config.Size || Finder.Config.Frames != Probe.Config.Frames)
                    throw new ConfigException($"{probeFolder}: the finder reads clips of {Finder.Config.Size}×{Finder.Config.Size}, {Finder.Config.Frames} frames; the probe {Probe.Config.Size}×{Probe.Config.Size}, {Probe.Config.Frames} frames.");
            }
            Judge = clipFolder is null ? null : TextClipJudge.Load(clipFolder, device);
            if (Judge is { Config: { } c } && (c.Size != Probe.Config.Size || c.Frames != Probe.Config.Frames))
                throw new ConfigException($"{clipFolder} reads clips of {c.Size}×{c.Size}, {c.Frames} frames; {probeFolder} reads {Probe.Config.Size}×{Probe.Config.Size}, {Probe.Config.Frames} frames.");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The probe.</summary>
    public WorldProbe Probe { get; }

    /// <summary>Hash of the probe.</summary>
    public string ProbeSha256 { get; }

    /// <summary>Finds things, for counts and relations; null without one.</summary>
    public ThingFinder? Finder { get; }

    /// <summary>Hash of the finder; null without one.</summary>
    public string? FinderSha256 { get; }

    /// <summary>The text–clip model; null without one.</summary>
    public TextClipJudge? Judge { get; }

    /// <summary>Lets probe and text–clip model read real clips, and refuses those that do not know them.</summary>
    /// <param name="clips">Real clips of the probe's check.</param>
    /// <param name="seed">Decides which.</param>
    /// <param name="cancellationToken">Stops between batches.</param>
    /// <returns>The real clips, the probe's scores on them, and what both saw in them.</returns>
    /// <exception cref="ProbeGateException">A network may not judge.</exception>
    public (LabeledClips Clips, ScoreRow Row, WorldReading Reading) Check(int clips = ProbeGate.DefaultClips, ulong seed = 0, CancellationToken cancellationToken = default)
    {
        LabeledClips real = ProbeGate.RealClips(Probe.Config, clips, seed);
        ScoreRow row = ProbeGate.Check(Probe, real, _device, cancellationToken);
        Judge?.Check();
        return (real, row, Read(real, null, cancellationToken));
    }

    /// <summary>Lets the finder read real clips, and refuses one that does not know them; null without a finder.</summary>
    /// <exception cref="ProbeGateException">The finder may not judge.</exception>
    public PairGateResult? CheckFinder(int clips = ProbeGate.DefaultClips, ulong seed = 0, CancellationToken cancellationToken = default)
    {
        PairGateResult? result = Finder is null ? null : PairGate.Check(Finder, clips, seed, _device, cancellationToken);
        _readsNouns = result is { ReadsNouns: true };
        return result;
    }

    /// <summary>How many things clips show and, where a scene has two, how they stand; see <see cref="PairVerdicts"/>. Nouns are told after <see cref="CheckFinder"/> found that they may be.</summary>
    /// <exception cref="InvalidOperationException">There is no finder.</exception>
    public IReadOnlyList<IReadOnlyList<AttributeVerdict>> ReadThings(SceneClips clips, CancellationToken cancellationToken = default)
    {
        var verdicts = PairVerdicts.Read(Finder ?? throw new InvalidOperationException("the probes' folder has no finder."), clips, _device, cancellationToken);
        return _readsNouns ? verdicts : PairVerdicts.WithoutNouns(verdicts);
    }

    /// <summary>What a finder saw as scores; "world.count" is of prompts about one and about two things together.</summary>
    /// <param name="one">Verdicts on clips of prompts about one thing.</param>
    /// <param name="two">Verdicts on clips of prompts about two.</param>
    public ScoreSheet ThingSheet(IReadOnlyList<IReadOnlyList<AttributeVerdict>> one, IReadOnlyList<IReadOnlyList<AttributeVerdict>> two)
    {
        ArgumentNullException.ThrowIfNull(one);
        ArgumentNullException.ThrowIfNull(two);
        Score Of(string metric, AttributeScore s) => new(metric, s.Share, s.Low, s.High, "wilson",
            new ScorePassport { Protocol = "world-finder-accuracy/1", Features = "world finder", WeightsSha256 = FinderSha256, Count = s.Clips, Settings = new(StringComparer.Ordinal) { ["world"] = WorldFingerprint.Sha256() } });

        var scores = new List<Score>();
        if (one.Count + two.Count > 0)
        {
            var counts = one.Concat(two).Select(v => v[0]).ToList();
            var details = new SortedDictionary<string, double>(StringComparer.Ordinal);
            if (one.Count > 0)
                details["of one"] = PairVerdicts.Row("one", one)[PairVerdicts.Count].Share;
            if (two.Count > 0)
                details["of two"] = PairVerdicts.Row("two", two)[PairVerdicts.Count].Share;
            scores.Add(Of("world.count", AttributeScore.Of(PairVerdicts.Count, counts.Count(v => v.Expected == v.Seen), counts.Count)) with { Details = details });
        }
        if (two.Count > 0)
        {
            ScoreRow row = PairVerdicts.Row("two", two);
            if (row.Scores.Any(s => s.Attribute == PairVerdicts.Nouns))
                scores.Add(Of("world.pair-nouns", row[PairVerdicts.Nouns]));
            scores.AddRange([Of("world.pair-colors", row[PairVerdicts.Colors]), Of("world.relation", row[PairVerdicts.Relation]), Of("world.pair-all", row[ScoreRow.All])]);
        }
        return new ScoreSheet(scores, []);
    }

    /// <summary>Reads clips.</summary>
    /// <param name="clips">Clips of the size that the networks read, with what their prompts ask for.</param>
    /// <param name="prompts">A prompt for each clip; null for canonical ones of their labels.</param>
    /// <param name="cancellationToken">Stops between batches.</param>
    public WorldReading Read(LabeledClips clips, IReadOnlyList<string>? prompts, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(clips);
        using var inference = GradMode.Inference();
        int attributes = Probe.Config.Attributes.Count, bytes = clips.Rgb.Length / clips.Count;
        var logits = new List<double>();
        var answers = new List<int>();
        for (int start = 0; start < clips.Count; start += BatchSize)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = TensorScope.Enter();
            int n = Math.Min(BatchSize, clips.Count - start);
            double[][] said = [.. Probe.Forward(ClipTensor.FromBytes(clips.Rgb.AsSpan(start * bytes, n * bytes), n, clips.Frames, clips.Size, clips.Size, _device)).Select(t => t.To(Device.Cpu).To(DType.Float64).ToArray<double>())];
            for (int i = 0; i < n; i++)
            {
                for (int a = 0; a < attributes; a++)
                {
                    int classes = said[a].Length / n;
                    ReadOnlySpan<double> row = said[a].AsSpan(i * classes, classes);
                    logits.AddRange(row);
                    answers.Add(Largest(row));
                }
            }
        }
        FeatureMatrix? seen = Judge?.Clips(clips), told = Judge?.Texts(prompts ?? [.. Enumerable.Range(0, clips.Count).Select(i => ProbeAttribute.Prompt(clips.Labels.AsSpan(i * attributes, attributes)))]);
        return new WorldReading(clips.Count, clips.Labels, answers, new FeatureMatrix("probe outputs", clips.Count, logits.Count / clips.Count, [.. logits]), seen, told);
    }

    /// <summary>The scores of a reading.</summary>
    /// <param name="reading">What was seen in the clips.</param>
    /// <param name="real">What was seen in real clips.</param>
    /// <param name="options">Resampling and minimums.</param>
    /// <param name="cancellationToken">Stops between scores.</param>
    public ScoreSheet Sheet(WorldReading reading, WorldReading real, DistributionOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(reading);
        ArgumentNullException.ThrowIfNull(real);
        ArgumentNullException.ThrowIfNull(options);
        ScorePassport Passport(string protocol, string features, string sha256) => new() { Protocol = protocol, Features = features, WeightsSha256 = sha256, Count = reading.Count, Settings = new(StringComparer.Ordinal) { ["world"] = WorldFingerprint.Sha256() } };
        ScoreRow row = ScoreRow.Of("clips", reading.Labels, reading.Answers);
        var sheet = new ScoreSheet([.. row.Scores.Select(s => new Score($"world.{s.Attribute}", s.Share, s.Low, s.High, "wilson", Passport("world-probe-accuracy/1", "world probe", ProbeSha256)))], []);
        if (Judge is not null && reading is { Clips: { } clips, Prompts: { } prompts })
        {
            Interval mean = Interval.MeanOf(reading.Similarities);
            WilsonInterval first = RetrievalScores.Of(clips, prompts).RecallAt(1);
            sheet = sheet.With(new ScoreSheet(
            [
                new Score(TextClipJudge.Similarity, mean.Value, reading.Count > 1 ? mean.Low : null, reading.Count > 1 ? mean.High : null, reading.Count > 1 ? "normal over clips" : null, Passport("world-clipsim/1", Judge.Name, Judge.WeightsSha256))
                    { Details = new(StringComparer.Ordinal) { ["real clips"] = real.Similarities.Average(), ["prompts of other clips"] = Strangers(clips, prompts) } },
                new Score(TextClipJudge.Recall, first.Share, first.Low, first.High, "wilson", Passport("world-clip-recall/1", Judge.Name, Judge.WeightsSha256)),
            ], []));
        }

        var named = options with { Features = "world probe logits", WeightsSha256 = ProbeSha256, FrechetName = "world.frechet", KernelName = "world.kernel" };
        ScoreSheet distances = DistributionSuite.Compare(Of("generated clips", reading.Logits), Of("real clips", real.Logits), named, cancellationToken: cancellationToken);
        sheet = sheet.With(distances with { Scores = [.. distances.Scores.Where(s => s.Metric.StartsWith("world.", StringComparison.Ordinal))], Refused = [.. distances.Refused.Where(r => r.Metric.StartsWith("world.", StringComparison.Ordinal))] });

        int nouns = Probe.Config.Attributes[0].Classes.Count;
        double[] nounShares = [.. Enumerable.Range(0, reading.Count).SelectMany(i => Softmax(reading.Logits.Row(i)[..nouns]))];
        return sheet.With(DistributionSuite.Inception(new FeatureMatrix("noun probabilities", reading.Count, nouns, nounShares), "world.inception-score", named));
    }

    // What a message calls it: a refusal names both sides.
    private static FeatureMatrix Of(string clips, FeatureMatrix outputs) => new($"{outputs.Name} of {clips}", outputs.Count, outputs.Dimension, outputs.Values);

    /// <summary>Frees the networks.</summary>
    public void Dispose()
    {
        Probe.Path.Store.Dispose();
        Finder?.Path.Store.Dispose();
        Judge?.Dispose();
    }

    // The floor of the similarity: clip i with the prompts of all other clips.
    private static double Strangers(FeatureMatrix clips, FeatureMatrix prompts)
    {
        double[] all = RetrievalScores.Similarities(clips, prompts);
        int n = clips.Count;
        double own = Enumerable.Range(0, n).Sum(i => all[i * n + i]);
        return n > 1 ? (all.Sum() - own) / ((double)n * (n - 1)) : 0;
    }

    private static int Largest(ReadOnlySpan<double> values)
    {
        int best = 0;
        for (int i = 1; i < values.Length; i++)
        {
            if (values[i] > values[best])
                best = i;
        }
        return best;
    }

    private static double[] Softmax(ReadOnlySpan<double> logits)
    {
        var e = new double[logits.Length];
        double largest = logits[0], sum = 0;
        foreach (double l in logits)
            largest = Math.Max(largest, l);
        for (int i = 0; i < e.Length; i++)
            sum += e[i] = Math.Exp(logits[i] - largest);
        for (int i = 0; i < e.Length; i++)
            e[i] /= sum;
        return e;
    }
}
