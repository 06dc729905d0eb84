using System.Globalization;
using Kinora.Engine;
using Kinora.Evaluation.Probes;
using Kinora.World;

namespace Kinora.Evaluation.Quality;

/// <summary>What a finder says of real clips.</summary>
/// <param name="Two">Clips of two things: every attribute.</param>
/// <param name="One">Clips of one thing: the count.</param>
/// <param name="Refused">Statements about exchanged places that were found to be false.</param>
/// <param name="Nouns">Clips of two things whose nouns were both read right.</param>
public sealed record PairGateResult(ScoreRow Two, ScoreRow One, AttributeScore Refused, AttributeScore Nouns)
{
    /// <summary>Whether nouns are read well enough to be scored. Which thing is which follows from noun and color together and needs less.</summary>
    public bool ReadsNouns => Nouns.Share >= ProbeGate.Required;

    /// <summary>Every share that must reach <see cref="ProbeGate.Required"/>.</summary>
    public IEnumerable<AttributeScore> Scores => [.. Two.Scores.Where(s => s.Attribute is not (ScoreRow.All or PairVerdicts.Nouns)), One.Scores[0] with { Attribute = "count of one" }, Refused];
}

/// <summary>Checks a finder on freshly rendered held-out clips before it may judge relations and counts.</summary>
public static class PairGate
{
    private const ulong FirstSeed = 0x5EED_9A12_0000;

    /// <summary>The name of the share of false statements that are refused.</summary>
    public const string RefusedName = "false relations refused";

    /// <summary>Clips of two things of which one shows a held-out combination.</summary>
    public static SceneClips RealPairs(ThingFinderConfig config, int count, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(config);
        return SceneClips.Render([.. Enumerable.Range(0, count).Select(i => SceneSampler.HeldOutPair(FirstSeed + (seed << 20) + (ulong)i))], config.Size, config.Frames);
    }

    /// <summary>What the finder says of real clips: as many of two things as of one.</summary>
    public static PairGateResult Measure(ThingFinder finder, int clips, ulong seed, Device device, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(finder);
        SceneClips two = RealPairs(finder.Config, clips, seed);
        IReadOnlyList<Sighting[][]> seen = ThingReading.Look(finder, two.Rgb, clips, device, cancellationToken);
        var turned = PairVerdicts.Of(seen, [.. two.Scenes.Select(s => SceneTwins.Mirrored(s)!)]);
        int refused = turned.Count(v => v.Any(a => a.Attribute == PairVerdicts.Relation && a.Expected != a.Seen));
        var one = SceneClips.Render([.. Enumerable.Range(0, clips).Select(i => SceneSampler.Sample(FirstSeed + (seed << 20) + (ulong)i, WorldSplit.HeldOut))], finder.Config.Size, finder.Config.Frames);
        var verdicts = PairVerdicts.Of(seen, two.Scenes);
        AttributeScore nouns = PairVerdicts.Row("real", verdicts)[PairVerdicts.Nouns];
        return new PairGateResult(PairVerdicts.Row("real", nouns.Share >= ProbeGate.Required ? verdicts : PairVerdicts.WithoutNouns(verdicts)), PairVerdicts.Row("real", PairVerdicts.Read(finder, one, device, cancellationToken)), AttributeScore.Of(RefusedName, refused, clips), nouns);
    }

    /// <summary>The same, for a finder that knows real clips well enough.</summary>
    /// <exception cref="ProbeGateException">A share is below <see cref="ProbeGate.Required"/>.</exception>
    public static PairGateResult Check(ThingFinder finder, int clips, ulong seed, Device device, CancellationToken cancellationToken = default)
    {
        PairGateResult result = Measure(finder, clips, seed, device, cancellationToken);
        var low = result.Scores.Where(s => s.Share < ProbeGate.Required).ToList();
        if (low.Count > 0)
        {
            string list = string.Join(", ", low.Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Attribute} {100 * s.Share:F1} %")));
            throw new ProbeGateException(string.Create(CultureInfo.InvariantCulture, $"the finder reads {clips} real held-out clips of two things too poorly to judge generated ones: {list}; every share needs {100 * ProbeGate.Required:F0} %. No scores were computed. Train it again with: kinora bench quality --retrain"));
        }
        return result;
    }
}
