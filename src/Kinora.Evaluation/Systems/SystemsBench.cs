// All systems answer the same held-out prompts and are read by the same jury.

using System.Diagnostics;
using System.Globalization;
using Kinora.Engine;
using Kinora.Evaluation.Distributions;
using Kinora.Evaluation.Features;
using Kinora.Evaluation.Judging;
using Kinora.Evaluation.Probes;
using Kinora.Evaluation.Quality;
using Kinora.Evaluation.Retrieval;
using Kinora.Evaluation.Scores;
using Kinora.Models;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.World;

namespace Kinora.Evaluation.Systems;

/// <summary>Who takes part, and how.</summary>
public sealed record SystemsOptions
{
    /// <summary>Model folders.</summary>
    public required IReadOnlyList<string> Models { get; init; }

    /// <summary>The probe's folder.</summary>
    public required string Probes { get; init; }

    /// <summary>The text–clip model's folder; null leaves world CLIPSIM out.</summary>
    public string? TextClip { get; init; }

    /// <summary>Training clips for the retrieval baseline and for the search for copies.</summary>
    public required TrainingCorpus Training { get; init; }

    /// <summary>Held-out prompts.</summary>
    public int Prompts { get; init; } = 200;

    /// <summary>Held-out prompts about two things besides; 0 asks none.</summary>
    public int Pairs { get; init; } = 100;

    /// <summary>Real clips of the jury's check, of the distances and of the threshold for copies.</summary>
    public int RealClips { get; init; } = ProbeGate.DefaultClips;

    /// <summary>Clip i is made with seed + i.</summary>
    public ulong Seed { get; init; }

    /// <summary>Where finished clips are kept, so that a stopped bench goes on.</summary>
    public required string Work { get; init; }

    /// <summary>Throws <see cref="ConfigException"/> where a number is out of range.</summary>
    public void Validate()
    {
        if (Prompts < QualityOptions.MinPrompts || Prompts > HeldOutPrompts.Available)
            throw new ConfigException(string.Create(CultureInfo.InvariantCulture, $"--prompts must be within {QualityOptions.MinPrompts} and {HeldOutPrompts.Available}, got {Prompts}; fewer clips say nothing about a system."));
        if (Pairs != 0 && (Pairs < QualityOptions.MinPrompts || Pairs > HeldOutPairs.Available))
            throw new ConfigException(string.Create(CultureInfo.InvariantCulture, $"--pairs must be 0 or within {QualityOptions.MinPrompts} and {HeldOutPairs.Available}, got {Pairs}; fewer clips say nothing about a system."));
    }
}

/// <summary>The ranking, and the clips behind it by system: bytes [F, H, W, 3].</summary>
public sealed record SystemsResult(SystemsReport Report, IReadOnlyDictionary<string, IReadOnlyList<ReadOnlyMemory<byte>>> Clips);

/// <summary>Runs the ranking.</summary>
public static class SystemsBench
{
    /// <summary>Runs it. Call it on the thread that may use the engine.</summary>
    /// <exception cref="ProbeGateException">A network of the jury may not judge.</exception>
    public static SystemsResult Run(SystemsOptions options, Device device, DType compute, Action<string, int, int>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        using var jury = new WorldJury(options.Probes, options.TextClip, device);
        int size = jury.Probe.Config.Size, frames = jury.Probe.Config.Frames;
        if (options.Pairs > 0 && jury.Finder is null)
            throw new ConfigException($"{options.Probes} has no finder, which counts things and reads relations. Train one with: kinora bench quality --retrain, or ask no prompts about two things: --pairs 0");
        IReadOnlyList<PromptCase> cases = HeldOutPrompts.Take(options.Prompts);
        IReadOnlyList<PairCase> pairs = HeldOutPairs.Take(options.Pairs);
        AskedClip[] asked =
        [
            .. cases.Select(c => new AskedClip(c.Number, c.Prompt, seed => SceneSampler.Sample(c.Combination, seed))),
            .. pairs.Select(p => new AskedClip(cases.Count + p.Number, p.Prompt, _ => p.Scene)),
        ];
        var leftOut = new List<LeftOutSystem>();
        var folders = new List<ModelFolder>();
        foreach (string model in options.Models)
            Guard(model, leftOut, () => folders.Add(ModelFolder.Find(model)));
        if (folders.Select(f => f.Name).Distinct(StringComparer.Ordinal).Count() < folders.Count)
            throw new ConfigException($"two models have the same name ({string.Join(", ", folders.Select(f => f.Name))}); name them apart in their model_index.json or folders.");

        progress?.Invoke("checking the jury on real clips", 0, 1);
        var (real, _, realReading) = jury.Check(options.RealClips, cancellationToken: cancellationToken);
        if (pairs.Count > 0)
            jury.CheckFinder(options.RealClips, cancellationToken: cancellationToken);
        progress?.Invoke("describing training clips", 0, options.Training.Scenes.Count);
        FeatureMatrix training = options.Training.Descriptors(size, frames, n => progress?.Invoke("describing training clips", n, options.Training.Scenes.Count), cancellationToken);
        IReadOnlyList<NearestClip> heldOut = Memorization.Nearest(Describe(Enumerable.Range(0, real.Count).Select(real.Clip), size, frames), training);
        CaptionIndex index = jury.Judge is { } judge
            ? CaptionIndex.ByEncoder(options.Training.Captions, judge.Texts, $"text encoder of {judge.Name}")
            : CaptionIndex.ByWords(options.Training.Captions);

        string key = TextHash.Of(HeldOutPrompts.Sha256(cases, pairs), options.Seed.ToString(CultureInfo.InvariantCulture), device.ToString(), compute.ShortName(), $"{size}x{frames}");
        var results = new List<SystemResult>();
        var clips = new Dictionary<string, IReadOnlyList<ReadOnlyMemory<byte>>>(StringComparer.Ordinal);
        void Judge(IContestant contestant)
        {
            using (contestant)
            {
                var store = new ClipStore(Path.Combine(options.Work, $"{Safe(contestant.Name)}-{TextHash.Of(contestant.Sha256, key)[..12]}"), frames * size * size * 3);
                var (made, seconds, peak) = Make(contestant, store, asked, options.Seed, progress, cancellationToken);
                results.Add(Score(contestant, made, seconds, peak));
            }
        }

        // The clips of all prompts, those about two things last.
        SystemResult Score(IContestant contestant, IReadOnlyList<ReadOnlyMemory<byte>> all, double? seconds, long? peak)
        {
            LabeledClips made = AsLabeled([.. all.Take(cases.Count)], cases, size, frames);
            progress?.Invoke($"{contestant.Name}: reading clips", 0, made.Count);
            WorldReading reading = jury.Read(made, [.. cases.Select(c => c.Prompt)], cancellationToken);
            ScoreSheet sheet = jury.Sheet(reading, realReading, new DistributionOptions { Seed = options.Seed, FewRemedy = "More prompts make more clips" }, cancellationToken);
            IReadOnlyList<NearestClip> nearest = contestant.Kind == SystemResult.Generator ? Memorization.Nearest(Describe(Enumerable.Range(0, made.Count).Select(made.Clip), size, frames), training) : [];
            if (nearest.Count > 0)
                sheet = sheet.With(Memorization.Sheet(nearest, heldOut, training.Count, PixelDescriptor.Name, null, options.Seed));
            ScoreRow? two = null;
            if (pairs.Count > 0)
            {
                SceneClips Of(IEnumerable<Scene> scenes, IEnumerable<ReadOnlyMemory<byte>> rgb) => new([.. scenes], frames, size, [.. rgb.SelectMany(c => c.ToArray())]);
                var seen = jury.ReadThings(Of(pairs.Select(p => p.Scene), all.Skip(cases.Count)), cancellationToken);
                two = PairVerdicts.Row(contestant.Name, seen);
                sheet = sheet.With(jury.ThingSheet(jury.ReadThings(Of(asked.Take(cases.Count).Select(a => a.Scene(0)), all.Take(cases.Count)), cancellationToken), seen));
            }
            clips[contestant.Name] = all;
            return new SystemResult
            {
                Name = contestant.Name, Kind = contestant.Kind, Sha256 = contestant.Sha256, Parameters = contestant.Parameters, WeightBytes = contestant.WeightBytes, TrainingMinutes = contestant.TrainingMinutes,
                SecondsPerClip = contestant.Kind == SystemResult.Ceiling ? null : seconds, PeakBytes = contestant.Kind == SystemResult.Ceiling ? null : peak,
                Row = ScoreRow.Of(contestant.Name, reading.Labels, reading.Answers), Pairs = two, Sheet = sheet,
                Nearest = [.. nearest.Select(n => new NearestTraining(n.Index, options.Training.Captions[n.Index], n.Similarity))],
            };
        }

        foreach (ModelFolder folder in folders)
            Guard(folder.Path, leftOut, () => Judge(new ModelContestant(folder, size, frames, device, compute)));
        Judge(new RetrievalContestant(options.Training, index, size, frames));
        Judge(new RealContestant(size, frames));
        foreach (ModelFolder folder in folders.Where(f => f.ClassName == KinoraWorldIndex.Name && clips.ContainsKey(f.Name)))
        {
            using var networks = new NetworkLoader(folder, new LoadOptions { Device = device, Compute = compute });
            using var pipeline = KinoraWorldPipeline.Load(networks);
            IReadOnlyList<ReadOnlyMemory<byte>> shown = clips[RealName];
            LabeledClips through = QualityBench.ThroughCodec(pipeline, new LabeledClips(shown.Count, frames, size, [.. shown.SelectMany(c => c.ToArray())], new int[shown.Count * ProbeAttribute.All.Count]), shown.Count, device, compute, null, cancellationToken);
            using var codec = new CodecContestant(folder);
            results.Add(Score(codec, [.. Enumerable.Range(0, shown.Count).Select(through.Clip)], null, null));
        }
        var passport = new SystemsPassport(jury.ProbeSha256, pairs.Count > 0 ? jury.FinderSha256 : null, jury.Judge?.WeightsSha256, WorldFingerprint.Sha256(), HeldOutPrompts.Sha256(cases, pairs), cases.Count, pairs.Count, options.Seed.ToString(CultureInfo.InvariantCulture), size, frames, options.Training.Name,
            device.ToString(), compute.ShortName(), EngineRuntime.Threads, ScorePassport.Version);
        return new SystemsResult(new SystemsReport { Schema = SystemsReport.SchemaName, Passport = passport, Systems = SystemsReport.Ranked(results), LeftOut = leftOut }, clips);
    }

    private const string RealName = "real clips";

    // A model that cannot take part is told; the others go on.
    private static void Guard(string name, List<LeftOutSystem> leftOut, Action work)
    {
        try
        {
            work();
        }
        catch (Exception e) when (e is ConfigException or CheckpointException or EvaluationException)
        {
            leftOut.Add(new LeftOutSystem(name, e.Message));
        }
    }

    private static (IReadOnlyList<ReadOnlyMemory<byte>> Clips, double Seconds, long? Peak) Make(IContestant contestant, ClipStore store, IReadOnlyList<AskedClip> asked, ulong seed, Action<string, int, int>? progress, CancellationToken cancellationToken)
    {
        var clips = new List<ReadOnlyMemory<byte>>();
        var seconds = new List<double>();
        long? before = PeakMemory.Restart();
        bool made = false;
        foreach (AskedClip prompt in asked)
        {
            cancellationToken.ThrowIfCancellationRequested();
            progress?.Invoke($"{contestant.Name}: making clips", prompt.Number, asked.Count);
            if (store.Find(prompt.Number) is not { } clip)
            {
                contestant.Prepare();
                long start = Stopwatch.GetTimestamp();
                byte[] rgb = contestant.Make(prompt, seed + (ulong)prompt.Number, cancellationToken);
                clip = (rgb, Stopwatch.GetElapsedTime(start).TotalSeconds);
                store.Add(prompt.Number, clip.Rgb, clip.Seconds);
                made = true;
            }
            clips.Add(clip.Rgb);
            seconds.Add(clip.Seconds);
        }
        return (clips, Statistics.BootstrapInterval.Quantile([.. seconds.Order()], 0.5), store.Peak(made ? PeakMemory.Above(before) : null));
    }

    private static LabeledClips AsLabeled(IReadOnlyList<ReadOnlyMemory<byte>> clips, IReadOnlyList<PromptCase> cases, int size, int frames)
    {
        int bytes = clips[0].Length;
        var rgb = new byte[clips.Count * bytes];
        for (int i = 0; i < clips.Count; i++)
            clips[i].CopyTo(rgb.AsMemory(i * bytes));
        return new LabeledClips(clips.Count, frames, size, rgb, [.. cases.Take(clips.Count).SelectMany(c => ProbeAttribute.Labels(c.Combination))]);
    }

    private static FeatureMatrix Describe(IEnumerable<ReadOnlyMemory<byte>> clips, int size, int frames)
    {
        double[][] rows = [.. clips.Select(c => PixelDescriptor.Of(c, frames, size, size))];
        return new FeatureMatrix("clips", rows.Length, PixelDescriptor.Dimension, [.. rows.SelectMany(r => r)]);
    }

    private static string Safe(string name) => string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' ? c : '-')).TrimStart('.');
}
