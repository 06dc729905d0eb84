// Judges a model: real clips check the probe, the codec's reconstructions show the ceiling, then held-out prompts are generated and read.

using System.Diagnostics;
using Kinora.Engine;
using Kinora.Evaluation.Distributions;
using Kinora.Evaluation.Judging;
using Kinora.Evaluation.Probes;
using Kinora.Evaluation.Scores;
using Kinora.Evaluation.Statistics;
using Kinora.Models;
using Kinora.Models.Diffusion.Samplers;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.World;

namespace Kinora.Evaluation.Quality;

/// <summary>A finished measurement: the report, the run's circumstances, and the clips' bytes [F, H, W, 3].</summary>
public sealed record QualityResult(QualityReport Report, QualityRun Run, IReadOnlyList<ReadOnlyMemory<byte>> Clips);

/// <summary>Measures how well a model's clips show what their prompts say.</summary>
public static class QualityBench
{
    private const int CodecBatch = 8;

    /// <summary>Runs the whole measurement. Call it on the thread that may use the engine.</summary>
    /// <exception cref="ProbeGateException">The probe may not judge.</exception>
    /// <exception cref="ConfigException">The options, the model or the probe do not fit together.</exception>
    public static QualityResult Run(ModelFolder folder, string probeFolder, string? textClipFolder, QualityOptions options, Device device, DType compute, Action<QualityProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        DateTimeOffset started = DateTimeOffset.UtcNow;
        long start = Stopwatch.GetTimestamp();
        using var jury = new WorldJury(probeFolder, textClipFolder, device);
        WorldProbe probe = jury.Probe;
        KinoraWorldDefaults defaults = folder.Index.Defaults;
        if (defaults.Width != probe.Config.Size || defaults.Height != probe.Config.Size || defaults.Frames != probe.Config.Frames)
            throw new ConfigException($"{folder.Path} makes clips of {defaults.Width}×{defaults.Height}, {defaults.Frames} frames; the probe reads {probe.Config.Size}×{probe.Config.Size}, {probe.Config.Frames} frames.");
        string samplerName = options.Sampler ?? defaults.Sampler;
        FlowSampler sampler = FlowSamplers.Find(samplerName) ?? throw new ConfigException($"sampler '{samplerName}' is unknown; use {string.Join(", ", FlowSamplers.Names)}.");

        progress?.Invoke(new QualityProgress("checking the probe on real clips", 0, options.RealClips));
        var (real, realRow, realReading) = jury.Check(options.RealClips, options.Seed, cancellationToken);
        PairGateResult? realThings = options.Pairs > 0 ? jury.CheckFinder(options.RealClips, options.Seed, cancellationToken) : null;
        if (options.Pairs > 0 && realThings is null)
            throw new ConfigException($"{probeFolder} has no finder, which counts things and reads relations. Train one with: kinora bench quality --retrain, or ask no prompts about two things: --pairs 0");
        progress?.Invoke(new QualityProgress("checking the probe on real clips", options.RealClips, options.RealClips));

        using var networks = new NetworkLoader(folder, new LoadOptions { Device = device, Compute = compute });
        using var pipeline = KinoraWorldPipeline.Load(networks);
        int codecClips = Math.Min(real.Count, Math.Max(QualityOptions.MinPrompts, real.Count / 2));
        LabeledClips through = ThroughCodec(pipeline, real, codecClips, device, compute, progress, cancellationToken);
        ScoreRow codecRow = ScoreRow.Of(QualityReport.CodecRow, through.Labels, ProbeReading.Read(probe, through, device, cancellationToken));

        IReadOnlyList<PromptCase> cases = HeldOutPrompts.Take(options.Prompts);
        IReadOnlyList<PairCase> pairs = HeldOutPairs.Take(options.Pairs);
        int steps = options.Steps ?? defaults.Steps;
        double guidance = options.Guidance ?? defaults.Guidance;
        long generating = Stopwatch.GetTimestamp();
        byte[] made = Generate(pipeline, [.. cases.Select(c => c.Prompt), .. pairs.Select(p => p.Prompt)], options, sampler, steps, guidance, progress, cancellationToken);
        int ones = cases.Count * (made.Length / (cases.Count + pairs.Count));
        var generated = new LabeledClips(cases.Count, defaults.Frames, defaults.Width, made[..ones], [.. cases.SelectMany(c => ProbeAttribute.Labels(c.Combination))]);
        double generationSeconds = Stopwatch.GetElapsedTime(generating).TotalSeconds;
        WorldReading reading = jury.Read(generated, [.. cases.Select(c => c.Prompt)], cancellationToken);
        ScoreSheet world = jury.Sheet(reading, realReading, new DistributionOptions { Seed = options.Seed, FewRemedy = "More prompts make more clips" }, cancellationToken);
        PairReading? things = realThings is null ? null : ReadThings(jury, realThings, cases, pairs, generated, made[ones..], through, options, (clips, count) => ThroughCodec(pipeline, clips, count, device, compute, progress, cancellationToken), cancellationToken);

        var passport = new QualityPassport
        {
            Model = defaults.Model, ModelSha256 = folder.Sha256(), ProbeSha256 = jury.ProbeSha256, FinderSha256 = things is null ? null : jury.FinderSha256, TextClipSha256 = jury.Judge?.WeightsSha256, WorldSha256 = WorldFingerprint.Sha256(),
            PromptsSha256 = HeldOutPrompts.Sha256(cases, pairs), Prompts = cases.Count, PairPrompts = pairs.Count, Seed = Text(options.Seed), Sampler = samplerName, Steps = steps, Guidance = guidance, GuidanceRescale = defaults.GuidanceRescale,
            Width = defaults.Width, Height = defaults.Height, Frames = defaults.Frames, FrameRate = defaults.FrameRate, Device = device.ToString(), Precision = compute.ShortName(),
            Kinora = typeof(QualityBench).Assembly.GetName().Version?.ToString(3) ?? "unknown",
        };
        var report = Judge(passport, cases, options.Seed, generated.Labels, reading.Answers, [codecRow, realRow], world, things);
        var run = new QualityRun(started, generationSeconds, Stopwatch.GetElapsedTime(start).TotalSeconds, EngineRuntime.Threads, EngineRuntime.BuildInfo);
        return new QualityResult(report, run, [.. Enumerable.Range(0, cases.Count + pairs.Count).Select(i => (ReadOnlyMemory<byte>)made.AsMemory(i * (ones / cases.Count), ones / cases.Count))]);
    }

    /// <summary>What was asked and seen of counts and relations: of the clips of every prompt in order, and the scores.</summary>
    internal sealed record PairReading(IReadOnlyList<PairCase> Cases, IReadOnlyList<IReadOnlyList<AttributeVerdict>> One, IReadOnlyList<IReadOnlyList<AttributeVerdict>> Two, PairScores Scores);

    private static PairReading ReadThings(WorldJury jury, PairGateResult real, IReadOnlyList<PromptCase> cases, IReadOnlyList<PairCase> pairs, LabeledClips generated, byte[] generatedPairs, LabeledClips through, QualityOptions options, Func<LabeledClips, int, LabeledClips> codec, CancellationToken cancellationToken)
    {
        (int frames, int size) = (generated.Frames, generated.Size);
        IReadOnlyList<IReadOnlyList<AttributeVerdict>> One(LabeledClips clips) => jury.ReadThings(new SceneClips([.. Enumerable.Range(0, clips.Count).Select(i => SceneSampler.Sample(cases[i % cases.Count].Combination, 0))], frames, size, clips.Rgb), cancellationToken);
        SceneClips realPairs = PairGate.RealPairs(jury.Finder!.Config, through.Count, options.Seed);
        byte[] pairsThrough = codec(new LabeledClips(through.Count, frames, size, realPairs.Rgb, new int[through.Count * ProbeAttribute.All.Count]), through.Count).Rgb;
        var (one, two) = (One(generated), jury.ReadThings(new SceneClips([.. pairs.Select(p => p.Scene)], frames, size, generatedPairs), cancellationToken));
        var scores = new PairScores(
            [PairVerdicts.Row(QualityReport.GeneratedRow, two), PairVerdicts.Row(QualityReport.CodecRow, jury.ReadThings(realPairs with { Rgb = pairsThrough }, cancellationToken)), real.Two],
            [PairVerdicts.Row(QualityReport.GeneratedRow, one), PairVerdicts.Row(QualityReport.CodecRow, One(through)), real.One]);
        return new PairReading(pairs, one, two, scores);
    }

    /// <summary>Makes the report from labels and answers, both row-major [clips, attributes], and what was seen of counts and relations.</summary>
    internal static QualityReport Judge(QualityPassport passport, IReadOnlyList<PromptCase> cases, ulong seed, IReadOnlyList<int> labels, IReadOnlyList<int> answers, IReadOnlyList<ScoreRow> references, ScoreSheet world, PairReading? things = null)
    {
        var attributes = ProbeAttribute.All;
        int k = attributes.Count, n = cases.Count;
        ClipVerdict Verdict(int number, string prompt, IReadOnlyList<AttributeVerdict> seen) => new(number, prompt, Text(seed + (ulong)number), FormattableString.Invariant($"clips/{number:D3}{QualityFolder.ClipExtension}"), seen);
        if (n < QualityOptions.MinPrompts)
            throw new ConfigException($"{n} clips are too few for a score; at least {QualityOptions.MinPrompts} are needed.");
        return new QualityReport
        {
            Format = QualityReport.FormatName,
            Passport = passport,
            ProbeGate = ProbeGate.Required,
            Pairs = things?.Scores,
            Rows = [ScoreRow.Of(QualityReport.GeneratedRow, labels, answers), .. references],
            World = world with { Scores = [.. world.Scores.Where(s => !attributes.Any(a => s.Metric == $"world.{a.Name}") && s.Metric != $"world.{ScoreRow.All}")] },
            Confusions = [.. attributes.Select((a, j) => new Confusion(a.Name, a.Classes, new ConfusionTable(a.Classes.Count, Enumerable.Range(0, n).Select(i => (labels[i * k + j], answers[i * k + j]))).ToRows()))],
            Clips =
            [
                .. cases.Select((c, i) => Verdict(i, c.Prompt, [.. attributes.Select((a, j) => new AttributeVerdict(a.Name, a.Classes[labels[i * k + j]], a.Classes[answers[i * k + j]])), .. things?.One[i] ?? []])),
                .. (things?.Cases ?? []).Select((p, i) => Verdict(n + i, p.Prompt, things!.Two[i])),
            ],
        };
    }

    private static byte[] Generate(KinoraWorldPipeline pipeline, IReadOnlyList<string> prompts, QualityOptions options, FlowSampler sampler, int steps, double guidance, Action<QualityProgress>? progress, CancellationToken cancellationToken)
    {
        KinoraWorldDefaults d = pipeline.Defaults;
        int clipBytes = d.Frames * d.Height * d.Width * 3;
        var rgb = new byte[prompts.Count * clipBytes];
        progress?.Invoke(new QualityProgress("generating clips", 0, prompts.Count));
        for (int start = 0; start < prompts.Count; start += options.BatchSize)
        {
            using var scope = TensorScope.Enter();
            int n = Math.Min(options.BatchSize, prompts.Count - start);
            Tensor latents = pipeline.Sample(new KinoraWorldRequest
            {
                Prompt = prompts[start],
                PromptOfEach = [.. prompts.Skip(start).Take(n)],
                Seeds = [.. Enumerable.Range(start, n).Select(i => options.Seed + (ulong)i)],
                Width = d.Width, Height = d.Height, Frames = d.Frames, Sampler = sampler, Steps = steps, Guidance = guidance, GuidanceRescale = d.GuidanceRescale,
            }, cancellationToken: cancellationToken);
            Decode(pipeline, latents, cancellationToken).CopyTo(rgb, start * clipBytes);
            progress?.Invoke(new QualityProgress("generating clips", start + n, prompts.Count));
        }
        return rgb;
    }

    internal static LabeledClips ThroughCodec(KinoraWorldPipeline pipeline, LabeledClips real, int count, Device device, DType compute, Action<QualityProgress>? progress, CancellationToken cancellationToken)
    {
        int clipBytes = real.Rgb.Length / real.Count;
        var rgb = new byte[count * clipBytes];
        for (int start = 0; start < count; start += CodecBatch)
        {
            progress?.Invoke(new QualityProgress("sending real clips through the codec", start, count));
            using var inference = GradMode.Inference();
            using var autocast = Autocast.Enter(compute);
            using var scope = TensorScope.Enter();
            int n = Math.Min(CodecBatch, count - start);
            var x = ClipTensor.FromBytes(real.Rgb.AsSpan(start * clipBytes, n * clipBytes), n, real.Frames, real.Size, real.Size, device);
            Tensor latents = pipeline.Autoencoder.NormalizeLatents(pipeline.Autoencoder.Encode(x).Mean);
            Decode(pipeline, latents, cancellationToken).CopyTo(rgb, start * clipBytes);
        }
        progress?.Invoke(new QualityProgress("sending real clips through the codec", count, count));
        return new LabeledClips(count, real.Frames, real.Size, rgb, real.Labels[..(count * ProbeAttribute.All.Count)]);
    }

    private static byte[] Decode(KinoraWorldPipeline pipeline, Tensor latents, CancellationToken cancellationToken)
    {
        using var scope = TensorScope.Enter();
        var parts = new List<Tensor>();
        pipeline.Decode(latents, part => parts.Add(part.Clone().Own()), cancellationToken);
        Tensor clips = Tensor.Cat(parts, 2);                                                     // [B, 3, F, H, W]
        foreach (Tensor part in parts)
            part.Dispose();
        return ClipTensor.ToBytes(clips);
    }

    private static string Text(ulong number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
