// Whether clips show what their prompts say, read by the probes of the procedural world; and distances to real clips in the probe's own outputs.
// Nothing here is an FVD or an inception score in the published sense: the names begin with "world.".

using Kinora.Engine;
using Kinora.Evaluation.Distributions;
using Kinora.Evaluation.Features;
using Kinora.Evaluation.Probes;
using Kinora.Evaluation.Quality;
using Kinora.Evaluation.Scores;
using Kinora.Media;
using Kinora.World;

namespace Kinora.Evaluation.Clips;

/// <summary>Compositional correctness by probes.</summary>
public sealed class WorldScores : IDisposable
{
    private const int RealClips = 400;
    private static readonly Lazy<Dictionary<string, Combination>> Canonical = new(() =>
        (from n in Vocabulary.Nouns from c in Vocabulary.Colors from m in Vocabulary.Motions from s in Vocabulary.Settings select new Combination(n, c, m, s))
        .GroupBy(CaptionGrammar.Canonical, StringComparer.OrdinalIgnoreCase).ToDictionary(g => g.Key, g => g.First(), StringComparer.OrdinalIgnoreCase));

    private readonly WorldProbe _probe;
    private readonly string _sha256;
    private readonly Device _device;
    private readonly List<int> _labels = [], _answers = [];
    private readonly List<double> _logits = [];

    /// <summary>Loads the probe of a folder.</summary>
    public WorldScores(string probeFolder, Device device)
    {
        _probe = ProbeFolder.Load(probeFolder, device);
        _sha256 = ProbeFolder.Sha256(probeFolder);
        _device = device;
    }

    /// <summary>Clips read so far.</summary>
    public int Count => _labels.Count / ProbeAttribute.All.Count;

    /// <summary>What a canonical prompt of the world asks for; null for other prompts.</summary>
    public static Combination? Parse(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return Canonical.Value.TryGetValue(prompt.Trim().TrimEnd('.'), out Combination c) ? c : null;
    }

    /// <summary>Whether a clip has the size and length that the probe reads.</summary>
    public bool Reads(Clip clip)
    {
        ArgumentNullException.ThrowIfNull(clip);
        return clip.Width == _probe.Config.Size && clip.Height == _probe.Config.Size && clip.Frames.Count == _probe.Config.Frames;
    }

    /// <summary>Reads one clip.</summary>
    /// <returns>What each attribute should be and what the probe saw.</returns>
    /// <exception cref="EvaluationException">The clip has another size or length than the probe reads.</exception>
    public IReadOnlyList<AttributeVerdict> Read(Clip clip, Combination combination)
    {
        ArgumentNullException.ThrowIfNull(clip);
        WorldProbeConfig config = _probe.Config;
        if (!Reads(clip))
            throw new EvaluationException($"{clip.Width}×{clip.Height}, {clip.Frames.Count} frames: the world's probe reads {config.Size}×{config.Size}, {config.Frames} frames");
        var rgb = new byte[config.Frames * config.Size * config.Size * 3];
        for (int i = 0; i < config.Frames; i++)
            clip.Frames[i].Rgb.CopyTo(rgb, i * config.Size * config.Size * 3);
        double[][] logits = Logits(rgb, 1);
        int[] labels = ProbeAttribute.Labels(combination), answers = [.. logits.Select(l => Array.IndexOf(l, l.Max()))];
        _labels.AddRange(labels);
        _answers.AddRange(answers);
        _logits.AddRange(logits.SelectMany(l => l));
        return [.. config.Attributes.Select((a, j) => new AttributeVerdict(a.Name, a.Classes[labels[j]], a.Classes[answers[j]]))];
    }

    /// <summary>The scores of everything read. The probe reads real clips first and must know them.</summary>
    /// <exception cref="ProbeGateException">It does not.</exception>
    public ScoreSheet Finish(DistributionOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        LabeledClips real = ProbeGate.RealClips(_probe.Config, RealClips, 0);
        ProbeGate.Check(_probe, real, _device, cancellationToken);
        ScorePassport Passport(string protocol) => new() { Protocol = protocol, Features = "world probe", WeightsSha256 = _sha256, Count = Count, Settings = new(StringComparer.Ordinal) { ["world"] = WorldFingerprint.Sha256() } };
        ScoreRow row = ScoreRow.Of("clips", _labels, _answers);
        var sheet = new ScoreSheet([.. row.Scores.Select(s => new Score($"world.{s.Attribute}", s.Share, s.Low, s.High, "wilson", Passport("world-probe-accuracy/1")))], []);

        int dimension = _probe.Config.Attributes.Sum(a => a.Classes.Count);
        var generated = new FeatureMatrix("probe outputs of the clips", Count, dimension, [.. _logits]);
        var reference = new FeatureMatrix("probe outputs of real clips", real.Count, dimension, [.. RealLogits(real, cancellationToken)]);
        var named = options with { Features = "world probe logits", WeightsSha256 = _sha256, FrechetName = "world.frechet", KernelName = "world.kernel" };
        ScoreSheet distances = DistributionSuite.Compare(generated, reference, named, cancellationToken: cancellationToken);
        sheet = sheet.With(distances with { Scores = [.. distances.Scores.Where(s => s.Metric.StartsWith("world.", StringComparison.Ordinal))], Refused = [.. distances.Refused.Where(r => r.Metric.StartsWith("world.", StringComparison.Ordinal))] });

        int nouns = _probe.Config.Attributes[0].Classes.Count;
        double[] nounShares = [.. Enumerable.Range(0, Count).SelectMany(i => Softmax(_logits.GetRange(i * dimension, nouns)))];
        return sheet.With(DistributionSuite.Inception(new FeatureMatrix("noun probabilities", Count, nouns, nounShares), "world.inception-score", named));
    }

    /// <summary>Frees the probe.</summary>
    public void Dispose() => _probe.Path.Store.Dispose();

    private IEnumerable<double> RealLogits(LabeledClips real, CancellationToken cancellationToken)
    {
        const int batch = 32;
        var rows = new List<double>();
        int bytes = real.Rgb.Length / real.Count;
        for (int start = 0; start < real.Count; start += batch)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int n = Math.Min(batch, real.Count - start);
            double[][] logits = Logits(real.Rgb.AsSpan(start * bytes, n * bytes), n);
            for (int i = 0; i < n; i++)
            {
                foreach (double[] attribute in logits)
                    rows.AddRange(attribute.AsSpan(i * (attribute.Length / n), attribute.Length / n));
            }
        }
        return rows;
    }

    // For each attribute, row-major [count, classes].
    private double[][] Logits(ReadOnlySpan<byte> rgb, int count)
    {
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        WorldProbeConfig c = _probe.Config;
        return [.. _probe.Forward(ClipTensor.FromBytes(rgb, count, c.Frames, c.Size, c.Size, _device)).Select(t => t.To(Device.Cpu).To(DType.Float64).ToArray<double>())];
    }

    private static double[] Softmax(List<double> logits)
    {
        double largest = logits.Max();
        double[] e = [.. logits.Select(l => Math.Exp(l - largest))];
        double sum = e.Sum();
        return [.. e.Select(v => v / sum)];
    }
}
