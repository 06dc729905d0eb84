// Whether clips show what their prompts say, read by the probes of the procedural world; and distances to real clips in the probe's own outputs.
// Nothing here is an FVD or an inception score in the published sense: the names begin with "world.".

using Kinora.Engine;
using Kinora.Evaluation.Distributions;
using Kinora.Evaluation.Judging;
using Kinora.Evaluation.Probes;
using Kinora.Evaluation.Quality;
using Kinora.Evaluation.Scores;
using Kinora.Media;
using Kinora.World;

namespace Kinora.Evaluation.Clips;

/// <summary>Compositional correctness by probes.</summary>
public sealed class WorldScores : IDisposable
{
    private static readonly Lazy<Dictionary<string, Combination>> Canonical = new(() =>
        (from n in Vocabulary.Nouns from c in Vocabulary.Colors from m in Vocabulary.Motions from s in Vocabulary.Settings select new Combination(n, c, m, s))
        .GroupBy(CaptionGrammar.Canonical, StringComparer.OrdinalIgnoreCase).ToDictionary(g => g.Key, g => g.First(), StringComparer.OrdinalIgnoreCase));

    private readonly WorldJury _jury;
    private WorldReading? _reading;

    /// <summary>Loads the probe of a folder.</summary>
    /// <param name="probeFolder">The probe.</param>
    /// <param name="clipFolder">The text–clip model; null leaves world CLIPSIM out.</param>
    /// <param name="device">Where both run.</param>
    public WorldScores(string probeFolder, string? clipFolder, Device device) => _jury = new WorldJury(probeFolder, clipFolder, device);

    /// <summary>Clips read so far.</summary>
    public int Count => _reading?.Count ?? 0;

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
        WorldProbeConfig config = _jury.Probe.Config;
        return clip.Width == config.Size && clip.Height == config.Size && clip.Frames.Count == config.Frames;
    }

    /// <summary>Reads one clip.</summary>
    /// <returns>What each attribute should be and what the probe saw; the cosine of clip and prompt, null without a text–clip model.</returns>
    /// <exception cref="EvaluationException">The clip has another size or length than the probe reads.</exception>
    public (IReadOnlyList<AttributeVerdict> Verdicts, double? Similarity) Read(Clip clip, Combination combination)
    {
        ArgumentNullException.ThrowIfNull(clip);
        WorldProbeConfig config = _jury.Probe.Config;
        if (!Reads(clip))
            throw new EvaluationException($"{clip.Width}×{clip.Height}, {clip.Frames.Count} frames: the world's probe reads {config.Size}×{config.Size}, {config.Frames} frames");
        var rgb = new byte[config.Frames * config.Size * config.Size * 3];
        for (int i = 0; i < config.Frames; i++)
            clip.Frames[i].Rgb.CopyTo(rgb, i * config.Size * config.Size * 3);
        WorldReading one = _jury.Read(new LabeledClips(1, config.Frames, config.Size, rgb, ProbeAttribute.Labels(combination)), [CaptionGrammar.Canonical(combination)]);
        _reading = _reading is null ? one : _reading.With(one);
        return ([.. config.Attributes.Select((a, j) => new AttributeVerdict(a.Name, a.Classes[one.Labels[j]], a.Classes[one.Answers[j]]))], one.Similarities.Count > 0 ? one.Similarities[0] : null);
    }

    /// <summary>The scores of everything read. The networks read real clips first and must know them.</summary>
    /// <exception cref="ProbeGateException">One does not.</exception>
    /// <exception cref="InvalidOperationException">Nothing was read.</exception>
    public ScoreSheet Finish(DistributionOptions options, CancellationToken cancellationToken = default)
    {
        WorldReading reading = _reading ?? throw new InvalidOperationException("no clip was read.");
        return _jury.Sheet(reading, _jury.Check(cancellationToken: cancellationToken).Reading, options, cancellationToken);
    }

    /// <summary>Frees the networks.</summary>
    public void Dispose() => _jury.Dispose();
}
