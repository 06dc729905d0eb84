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

    private static readonly Lazy<Dictionary<string, (Noun Noun, ActorColor Color)>> Things = new(() =>
        (from n in Vocabulary.Nouns from c in Vocabulary.Colors select (n, c)).ToDictionary(t => CaptionGrammar.Thing(t.n, t.c), t => t, StringComparer.OrdinalIgnoreCase));

    private readonly WorldJury _jury;
    private readonly List<IReadOnlyList<AttributeVerdict>> _one = [], _two = [];
    private WorldReading? _reading;
    private bool _finderChecked;
    private string? _finderRefused;

    /// <summary>Loads the probe of a folder.</summary>
    /// <param name="probeFolder">The probe.</param>
    /// <param name="clipFolder">The text–clip model; null leaves world CLIPSIM out.</param>
    /// <param name="device">Where both run.</param>
    public WorldScores(string probeFolder, string? clipFolder, Device device) => _jury = new WorldJury(probeFolder, clipFolder, device);

    /// <summary>Clips read so far.</summary>
    public int Count => (_reading?.Count ?? 0) + _two.Count;

    /// <summary>What a canonical prompt of the world asks for; null for other prompts.</summary>
    public static Combination? Parse(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return Canonical.Value.TryGetValue(prompt.Trim().TrimEnd('.'), out Combination c) ? c : null;
    }

    /// <summary>What a canonical prompt about two things asks for: their nouns, colors and relation, and where a chase goes; null for other prompts.</summary>
    public static Scene? ParsePair(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        string[] words = prompt.Trim().TrimEnd('.').Split(' ', StringSplitOptions.RemoveEmptyEntries);
        const int thing = 3;
        string Words(int first, int count) => first + count <= words.Length ? string.Join(' ', words.Skip(first).Take(count)) : "";
        if (!Things.Value.TryGetValue(Words(0, thing), out var a))
            return null;
        foreach (Relation relation in Vocabulary.Relations)
        {
            string phrase = CaptionGrammar.Word(relation);
            int second = thing + phrase.Count(c => c == ' ') + 1;
            if (!Words(thing, second - thing).Equals(phrase, StringComparison.OrdinalIgnoreCase) || !Things.Value.TryGetValue(Words(second, thing), out var b))
                continue;
            foreach (Setting setting in Vocabulary.Settings)
            {
                foreach (Motion motion in relation == Relation.Chases ? new[] { Motion.Left, Motion.Right } : [Motion.Still])
                {
                    Actor Placed((Noun Noun, ActorColor Color) t, Motion m) => new(t.Noun, t.Color, m, 0.37, 0.5, 0.5, 0, 1);
                    var scene = new Scene(0, [Placed(a, motion), Placed(b, relation == Relation.Chases ? motion : Motion.Still)], relation, setting, CameraMove.Static, 0);
                    if (string.Join(' ', words).Equals(CaptionGrammar.CanonicalPair(scene), StringComparison.OrdinalIgnoreCase))
                        return scene;
                }
            }
        }
        return null;
    }

    /// <summary>Whether there is a finder, which prompts about two things need.</summary>
    public bool ReadsPairs => _jury.Finder is not null;

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
        WorldProbeConfig config = _jury.Probe.Config;
        byte[] rgb = Bytes(clip);
        WorldReading one = _jury.Read(new LabeledClips(1, config.Frames, config.Size, rgb, ProbeAttribute.Labels(combination)), [CaptionGrammar.Canonical(combination)]);
        _reading = _reading is null ? one : _reading.With(one);
        IReadOnlyList<AttributeVerdict> counted = _jury.Finder is null ? [] : _jury.ReadThings(new SceneClips([SceneSampler.Sample(combination, 0)], config.Frames, config.Size, rgb))[0];
        if (counted.Count > 0)
            _one.Add(counted);
        return ([.. config.Attributes.Select((a, j) => new AttributeVerdict(a.Name, a.Classes[one.Labels[j]], a.Classes[one.Answers[j]])), .. counted], one.Similarities.Count > 0 ? one.Similarities[0] : null);
    }

    /// <summary>Reads one clip of a prompt about two things.</summary>
    /// <returns>What count, nouns, colors and relation should be and what the finder saw.</returns>
    /// <exception cref="EvaluationException">The clip has another size or length than the finder reads.</exception>
    public IReadOnlyList<AttributeVerdict> ReadPair(Clip clip, Scene asked)
    {
        ArgumentNullException.ThrowIfNull(asked);
        CheckFinder();
        IReadOnlyList<AttributeVerdict> seen = _jury.ReadThings(new SceneClips([asked], _jury.Probe.Config.Frames, _jury.Probe.Config.Size, Bytes(clip)))[0];
        _two.Add(seen);
        return seen;
    }

    /// <summary>The scores of everything read. The networks read real clips first and must know them.</summary>
    /// <exception cref="ProbeGateException">One does not.</exception>
    /// <exception cref="InvalidOperationException">Nothing was read.</exception>
    public ScoreSheet Finish(DistributionOptions options, CancellationToken cancellationToken = default)
    {
        if (Count == 0)
            throw new InvalidOperationException("no clip was read.");
        var sheet = new ScoreSheet([], []);
        if (_reading is { } reading)
            sheet = _jury.Sheet(reading, _jury.Check(cancellationToken: cancellationToken).Reading, options, cancellationToken);
        CheckFinder();
        if (_finderRefused is { } reason)
            return sheet.With(new ScoreSheet([], [new RefusedScore("world.count", reason), new RefusedScore("world.relation", reason)]));
        return sheet.With(_jury.ThingSheet(_one, _two));
    }

    // The finder's check says which attributes it may judge; where it may judge none, that is told with the scores.
    private void CheckFinder()
    {
        if (_finderChecked)
            return;
        _finderChecked = true;
        try
        {
            _jury.CheckFinder();
        }
        catch (ProbeGateException e)
        {
            _finderRefused = e.Message;
        }
    }

    private byte[] Bytes(Clip clip)
    {
        ArgumentNullException.ThrowIfNull(clip);
        WorldProbeConfig config = _jury.Probe.Config;
        if (!Reads(clip))
            throw new EvaluationException($"{clip.Width}×{clip.Height}, {clip.Frames.Count} frames: the world's probe reads {config.Size}×{config.Size}, {config.Frames} frames");
        var rgb = new byte[config.Frames * config.Size * config.Size * 3];
        for (int i = 0; i < config.Frames; i++)
            clip.Frames[i].Rgb.CopyTo(rgb, i * config.Size * config.Size * 3);
        return rgb;
    }

    /// <summary>Frees the networks.</summary>
    public void Dispose() => _jury.Dispose();
}
