// What step caching saves and what it costs: the same clips with and without it, by turns.

using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Engine;
using Kinora.Evaluation.Frames;
using Kinora.Evaluation.Quality;
using Kinora.Media;
using Kinora.Models;
using Kinora.Models.Diffusion;
using Kinora.Models.Generation;

namespace Kinora.Evaluation.Speed;

/// <summary>One threshold.</summary>
/// <param name="Threshold">Drift up to which work is reused.</param>
/// <param name="SkippedShare">Network calls in which only the first block ran, 0 to 1.</param>
/// <param name="Speedup">Time of sampling without caching over the time with it: the median over the clips.</param>
/// <param name="PsnrDecibel">Mean over the clips, each against the one without caching; a clip that is equal counts as 100 dB.</param>
/// <param name="LeastPsnrDecibel">The worst of them.</param>
public sealed record CacheRow(double Threshold, double SkippedShare, double Speedup, double PsnrDecibel, double LeastPsnrDecibel);

/// <summary>A run over several thresholds.</summary>
public sealed record CacheReport
{
    /// <summary>The format of this file.</summary>
    public const string FormatName = "kinora-cache/1";

    public required string Format { get; init; }
    public required string Model { get; init; }
    public required string ModelSha256 { get; init; }
    public required string Device { get; init; }
    [JsonPropertyName("dtype")] public required string DType { get; init; }
    public required int Steps { get; init; }
    public required string Sampler { get; init; }
    public required int Clips { get; init; }
    /// <summary>Median seconds of sampling a clip without caching.</summary>
    public required double SecondsWithout { get; init; }
    public required IReadOnlyList<CacheRow> Rows { get; init; }

    /// <summary>The report as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, CacheReportJson.Default.CacheReport);

    /// <summary>The rows as a table.</summary>
    public string Table()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Model}, {Clips} clips, {Sampler}, {Steps} steps, {DType} on {Device}; {SecondsWithout:0.00} s of sampling without caching\n");
        text.Append("threshold  skipped  speedup  PSNR dB  least\n");
        foreach (CacheRow row in Rows)
        {
            text.Append(CultureInfo.InvariantCulture, $"{row.Threshold,9:0.###}  {row.SkippedShare,6:0%}  {row.Speedup,7:0.00}  {row.PsnrDecibel,7:0.0}  {row.LeastPsnrDecibel,5:0.0}\n");
        }
        return text.ToString().TrimEnd('\n');
    }
}

/// <summary>Measures step caching of any model that has it.</summary>
public static class CacheBench
{
    private const double EqualPsnr = 100;

    /// <summary>Makes clips for the first held-out prompts, each once without and once with every threshold.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="thresholds">Drifts to try.</param>
    /// <param name="options">How to make the clips; the seed is that of the first.</param>
    /// <param name="prompts">How many clips.</param>
    /// <param name="device">Where.</param>
    /// <param name="compute">Type of matrix products.</param>
    /// <param name="onClip">Hears of finished clips.</param>
    /// <param name="cancellationToken">Looked at before every network call.</param>
    /// <exception cref="GenerationRequestException">The model has no step caching, or cannot make such a clip.</exception>
    public static CacheReport Measure(ModelFolder folder, IReadOnlyList<double> thresholds, VideoGenerationOptions options, int prompts, Device device, DType compute, Action<int, int>? onClip = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(thresholds);
        ArgumentNullException.ThrowIfNull(options);
        ulong seed = options.Seed ?? 0;
        GenerationPlan[] plans = [.. HeldOutPrompts.Take(prompts).Select((p, i) => GenerationPlan.Create(folder, new VideoGenerationRequest(p.Prompt), options with { Cache = thresholds[0], Seed = seed + (ulong)i }))];
        using var networks = new NetworkLoader(folder, new LoadOptions { Device = device, Compute = compute });
        using IGenerationPipeline pipeline = GenerationSystems.Of(folder).Load(networks);
        var without = new Tally();
        Tally[] with = [.. thresholds.Select(_ => new Tally())];
        Make(pipeline, plans[0], null, new Tally(), cancellationToken); // the first clip warms up
        int done = 0, total = plans.Length * (thresholds.Count + 1);
        foreach (GenerationPlan plan in plans)
        {
            byte[] whole = Make(pipeline, plan, null, without, cancellationToken);
            onClip?.Invoke(++done, total);
            for (int i = 0; i < thresholds.Count; i++)
            {
                byte[] reused = Make(pipeline, plan, thresholds[i], with[i], cancellationToken);
                with[i].Psnr.Add(Math.Min(EqualPsnr, PeakSignalToNoise.Of(whole, reused)));
                onClip?.Invoke(++done, total);
            }
        }
        return new CacheReport
        {
            Format = CacheReport.FormatName, Model = folder.Name, ModelSha256 = folder.Sha256(), Device = device.ToString(), DType = compute.ShortName(), Steps = plans[0].Steps, Sampler = plans[0].Sampler, Clips = plans.Length,
            SecondsWithout = Median(without.Seconds),
            Rows = [.. thresholds.Zip(with, (threshold, t) => new CacheRow(threshold, (double)t.Skipped / t.Calls, Median(without.Seconds.Zip(t.Seconds, (plain, cached) => plain / cached)), t.Psnr.Average(), t.Psnr.Min()))],
        };
    }

    // The bytes of a clip's frames; time counts until decoding begins.
    private static byte[] Make(IGenerationPipeline pipeline, GenerationPlan plan, double? threshold, Tally tally, CancellationToken cancellationToken)
    {
        using var scope = TensorScope.Enter();
        using StepCache? cache = threshold is { } drift ? new StepCache(drift) : null;
        long start = Stopwatch.GetTimestamp();
        var run = new ClipRun(plan, plan.Seed, cancellationToken) { Cache = cache, OnDecoding = () => tally.Seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds) };
        pipeline.Generate(run);
        (tally.Calls, tally.Skipped) = (tally.Calls + (cache?.Calls ?? 0), tally.Skipped + (cache?.Skipped ?? 0));
        return [.. run.Frames.SelectMany(f => f.Rgb)];
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private sealed class Tally
    {
        public List<double> Seconds { get; } = [];
        public int Calls { get; set; }
        public int Skipped { get; set; }
        public List<double> Psnr { get; } = [];
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(CacheReport))]
internal sealed partial class CacheReportJson : JsonSerializerContext;
