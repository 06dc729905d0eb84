using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Engine;
using Kinora.Evaluation.Memory;

namespace Kinora.Evaluation.Speed;

/// <summary>One case's times.</summary>
/// <param name="Unit">What <paramref name="Best"/>, <paramref name="Median"/> and <paramref name="Goal"/> are in.</param>
/// <param name="Gflops">Rate of the best run; null when the case is not limited by arithmetic.</param>
/// <param name="OfCeiling">That rate over the measured rate of matrix products of the same type.</param>
/// <param name="OfGoal">How much of the goal is reached: 1 is the goal, more is better.</param>
/// <param name="PeakBytes">The most memory that the case's own process held, weights and libraries included; null when it shared one.</param>
public sealed record SpeedResult(string Name, string Unit, double Best, double Median, int Runs, double? Gflops, double? OfCeiling, double? Goal, double? OfGoal, long? PeakBytes = null)
{
    internal static SpeedResult Of(SpeedCase c, IReadOnlyList<double> seconds, SpeedCeilings ceilings)
    {
        double best = seconds.Min(), median = seconds.Order().ElementAt(seconds.Count / 2);
        double Tell(double s) => c.Unit switch
        {
            SpeedUnit.MicrosecondsPerItem => 1e6 * s / c.Items,
            SpeedUnit.Milliseconds => 1e3 * s,
            _ => c.Items / s,
        };
        string unit = c.Unit switch
        {
            SpeedUnit.MicrosecondsPerItem => $"µs/{c.Item}",
            SpeedUnit.Milliseconds => "ms",
            _ => $"{c.Item}s/s",
        };
        double? gflops = c.Flops > 0 ? c.Flops / best / 1e9 : null;
        double? ofGoal = c.Goal is not { } goal ? null : c.Unit == SpeedUnit.ItemsPerSecond ? Tell(best) / goal : goal / Tell(best);
        return new SpeedResult(c.Name, unit, Tell(best), Tell(median), seconds.Count, gflops, gflops / ceilings.Of(c.Precision), c.Goal, ofGoal);
    }
}

/// <summary>A whole run of timings.</summary>
public sealed record SpeedReport
{
    /// <summary>The format of this file.</summary>
    public const string FormatName = "kinora-speed/1";

    public required string Format { get; init; }
    /// <summary>"ops" or "model".</summary>
    public required string Suite { get; init; }
    public required string Device { get; init; }
    public required int Threads { get; init; }
    public required string Engine { get; init; }
    /// <summary>Measured in the same run, GFLOP/s.</summary>
    public required SpeedCeilings Ceilings { get; init; }
    public required IReadOnlyList<SpeedResult> Results { get; init; }
    /// <summary>The most that tensors held in host memory at once during the run.</summary>
    public required long PeakHostBytes { get; init; }

    /// <summary>Times every case.</summary>
    public static SpeedReport Measure(string suite, IReadOnlyList<SpeedCase> cases, Device device, double seconds = 1, Action<SpeedResult>? onResult = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(cases);
        SpeedCeilings before = SpeedMeter.MeasureCeilings(device, cancellationToken);
        var times = new List<double[]>();
        foreach (SpeedCase speedCase in cases)
        {
            times.Add(SpeedMeter.Measure(speedCase, device, seconds, cancellationToken: cancellationToken));
            onResult?.Invoke(SpeedResult.Of(speedCase, times[^1], before));
        }
        // Measured before and after: a neighbor that took the processor during one of them must not lower the ceiling.
        SpeedCeilings ceilings = before.Max(SpeedMeter.MeasureCeilings(device, cancellationToken));
        return new SpeedReport
        {
            Format = FormatName, Suite = suite, Device = device.ToString(), Threads = EngineRuntime.Threads, Engine = EngineRuntime.BuildInfo,
            Ceilings = ceilings, Results = [.. cases.Zip(times, (c, t) => SpeedResult.Of(c, t, ceilings))], PeakHostBytes = EngineRuntime.HostMemory.PeakBytes,
        };
    }

    /// <summary>Times one case that has this process for itself, so that the process's peak of memory is the case's; <paramref name="afterwards"/> sees what was run.</summary>
    public static SpeedReport MeasureAlone(string suite, SpeedCase speedCase, Device device, double seconds, Action<SpeedSubject>? afterwards = null, CancellationToken cancellationToken = default)
    {
        SpeedCeilings ceilings = SpeedMeter.MeasureCeilings(device, cancellationToken);
        (long peak, long hostPeak) = (0, 0);
        double[] times = SpeedMeter.Measure(speedCase, device, seconds, subject =>
        {
            (peak, hostPeak) = (ProcessMemory.Peak, EngineRuntime.HostMemory.PeakBytes);
            afterwards?.Invoke(subject);
        }, cancellationToken);
        ceilings = ceilings.Max(SpeedMeter.MeasureCeilings(device, cancellationToken));
        return new SpeedReport
        {
            Format = FormatName, Suite = suite, Device = device.ToString(), Threads = EngineRuntime.Threads, Engine = EngineRuntime.BuildInfo,
            Ceilings = ceilings, Results = [SpeedResult.Of(speedCase, times, ceilings) with { PeakBytes = peak }], PeakHostBytes = hostPeak,
        };
    }

    /// <summary>Cases that were each timed in a process of their own as one report; ceilings are the best that any of them saw.</summary>
    public static SpeedReport Join(IReadOnlyList<SpeedReport> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        SpeedCeilings ceilings = parts.Select(p => p.Ceilings).Aggregate((a, b) => a.Max(b));
        return parts[0] with { Ceilings = ceilings, Results = [.. parts.SelectMany(p => p.Results)], PeakHostBytes = parts.Max(p => p.PeakHostBytes) };
    }

    /// <summary>Indented JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, SpeedJson.Default.SpeedReport).ReplaceLineEndings("\n") + "\n";

    /// <exception cref="JsonException">The text is no report.</exception>
    public static SpeedReport FromJson(string json) =>
        JsonSerializer.Deserialize(json, SpeedJson.Default.SpeedReport) ?? throw new JsonException("speed report: expected an object, got null.");

    /// <summary>A table for a terminal.</summary>
    public string Table()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Device}, {Threads} threads; matrix products reach {Ceilings.GemmFp32:F0} GFLOP/s in fp32, {Ceilings.GemmBf16:F0} in bf16\n");
        text.Append(CultureInfo.InvariantCulture, $"{"case",-46}{"best",10}{"median",10} {"unit",-12}{"GFLOP/s",9}{"of ceiling",12}{"of goal",9}{"memory",11}");
        foreach (SpeedResult r in Results)
            text.Append('\n').Append(Line(r));
        return text.ToString();
    }

    /// <summary>One line of <see cref="Table"/>.</summary>
    public static string Line(SpeedResult r)
    {
        ArgumentNullException.ThrowIfNull(r);
        return string.Create(CultureInfo.InvariantCulture, $"{r.Name,-46}{r.Best,10:G4}{r.Median,10:G4} {r.Unit,-12}{r.Gflops,9:F0}{(r.OfCeiling is { } c ? $"{100 * c:F0} %" : ""),12}{(r.OfGoal is { } g ? $"{100 * g:F0} %" : ""),9}{(r.PeakBytes is { } b ? $"{b / (double)(1L << 30):F2} GiB" : ""),11}").TrimEnd();
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, WriteIndented = true)]
[JsonSerializable(typeof(SpeedReport))]
internal sealed partial class SpeedJson : JsonSerializerContext;
