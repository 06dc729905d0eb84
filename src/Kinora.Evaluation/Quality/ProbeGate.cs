using System.Globalization;
using Kinora.Engine;
using Kinora.Evaluation.Probes;
using Kinora.World;

namespace Kinora.Evaluation.Quality;

/// <summary>The probe does not know the real world well enough to judge anything.</summary>
public sealed class ProbeGateException(string message) : KinoraException(message);

/// <summary>Checks a probe on freshly rendered clips of held-out combinations before it may judge.</summary>
public static class ProbeGate
{
    /// <summary>The share of right answers that each attribute needs.</summary>
    public const double Required = 0.98;

    /// <summary>Real clips that the check renders.</summary>
    public const int DefaultClips = 400;

    /// <summary>Real clips behind the numbers in a probe's card.</summary>
    public const int CardClips = 1000;

    private const ulong FirstSeed = 0x5EED_0000_0000;

    /// <summary>The clips of the check; disjoint from every training seed by split.</summary>
    public static LabeledClips RealClips(WorldProbeConfig config, int count, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(config);
        return LabeledClips.Render([.. Enumerable.Range(0, count).Select(i => FirstSeed + (seed << 20) + (ulong)i)], WorldSplit.HeldOut, config.Size, config.Frames);
    }

    /// <summary>The probe's row of scores on real clips.</summary>
    /// <exception cref="ProbeGateException">An attribute is below <see cref="Required"/>.</exception>
    public static ScoreRow Check(WorldProbe probe, LabeledClips real, Device device, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(probe);
        ArgumentNullException.ThrowIfNull(real);
        var row = ScoreRow.Of("real", real.Labels, ProbeReading.Read(probe, real, device, cancellationToken));
        var low = row.Scores.Where(s => s.Attribute != ScoreRow.All && s.Share < Required).ToList();
        if (low.Count > 0)
        {
            string list = string.Join(", ", low.Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Attribute} {100 * s.Share:F1} %")));
            throw new ProbeGateException(string.Create(CultureInfo.InvariantCulture, $"the probe reads {row.Clips} real held-out clips too poorly to judge generated ones: {list}; every attribute needs {100 * Required:F0} %. No scores were computed. Train it again with: kinora bench quality --retrain"));
        }
        return row;
    }
}
