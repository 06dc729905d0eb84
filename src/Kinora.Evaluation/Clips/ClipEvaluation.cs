// Judges a folder of clips: every clip is decoded once, on a thread of its own, while the one before is measured.

using System.Collections.Concurrent;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Distributions;
using Kinora.Evaluation.Features;
using Kinora.Evaluation.Judging;
using Kinora.Evaluation.Quality;
using Kinora.Evaluation.Retrieval;
using Kinora.Evaluation.Scores;
using Kinora.Evaluation.Statistics;
using Kinora.Media;

namespace Kinora.Evaluation.Clips;

/// <summary>What to judge and with what.</summary>
public sealed record ClipEvaluationOptions
{
    /// <summary>The folder of clips.</summary>
    public required string Clips { get; init; }

    /// <summary>Prompts by line; null takes those in the clips' manifests.</summary>
    public string? Prompts { get; init; }

    /// <summary>A folder of real clips.</summary>
    public string? Reference { get; init; }

    /// <summary>Clips of equal name in both folders show the same thing: compute PSNR and SSIM.</summary>
    public bool Paired { get; init; }

    /// <summary>I3D weights for the Fréchet video distance.</summary>
    public string? I3d { get; init; }

    /// <summary>How clips become I3D features.</summary>
    public VideoFeatureOptions Video { get; init; } = new();

    /// <summary>Inception v3 weights for the Fréchet inception distance of frames and the inception score.</summary>
    public string? Inception { get; init; }

    /// <summary>Folder of a SigLIP model: distances of its frame features.</summary>
    public string? Siglip { get; init; }

    /// <summary>Folder of a VideoMAE model: distances of its clip features.</summary>
    public string? VideoMae { get; init; }

    /// <summary>C3D weights: inception score of clips, distances of its logits.</summary>
    public string? C3d { get; init; }

    /// <summary>LPIPS weights for paired clips.</summary>
    public string? Lpips { get; init; }

    /// <summary>Folder of a CLIP model.</summary>
    public string? Clip { get; init; }

    /// <summary>Folder of VBench's weights under their published names.</summary>
    public string? VBench { get; init; }

    /// <summary>RAFT weights for flow.</summary>
    public string? Raft { get; init; }

    /// <summary>Folder of the world's probe; null leaves the world's scores out.</summary>
    public string? Probes { get; init; }

    /// <summary>Folder of the world's text–clip model; null leaves world CLIPSIM out.</summary>
    public string? TextClip { get; init; }

    /// <summary>A folder of training clips to look for copies in; null for none. The reference, if given, sets the threshold.</summary>
    public string? Training { get; init; }

    /// <summary>Say so when the probe had nothing to read; false when it was merely found beside the models.</summary>
    public bool ProbesAsked { get; init; }

    /// <summary>Folder of finished features; null for none.</summary>
    public string? Cache { get; init; }

    /// <summary>Resampling, minimums, neighbors.</summary>
    public DistributionOptions Distributions { get; init; } = new();

    /// <summary>Every clip and reference is brought to this size first, so that folders of mixed sizes can be judged; null leaves them as they are.</summary>
    public (int Width, int Height)? Resize { get; init; }

    /// <summary>What I3D, Inception and CLIP compute products in.</summary>
    public DType Precision { get; init; } = DType.Float32;

    /// <summary>What was done to clips before any measurement, in words; empty for nothing.</summary>
    internal string Preparation => Resize is { } size ? $"clips to {size.Width}×{size.Height} (bilinear of Pillow, antialiased), " : "";
}

/// <summary>The result of judging a folder.</summary>
/// <param name="Report">Everything but the features.</param>
/// <param name="Features">I3D features of the clips; null without weights.</param>
/// <param name="ReferenceFeatures">I3D features of the reference.</param>
public sealed record ClipEvaluationResult(EvaluationReport Report, FeatureMatrix? Features, FeatureMatrix? ReferenceFeatures);

/// <summary>Judges folders of clips.</summary>
public static class ClipEvaluation
{
    private const int DecodedAhead = 2;

    // Containers round rates: 29.97 and 30000/1001 are one.
    private const double RateTolerance = 0.01;

    /// <summary>Runs the whole evaluation. Call it on the thread that may use the engine.</summary>
    /// <exception cref="EvaluationException">Nothing can be judged; clips that cannot are listed in the report.</exception>
    public static ClipEvaluationResult Run(ClipEvaluationOptions options, Device device, Action<string, int, int>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Distributions.Validate();
        if (options.Reference is null && (options.I3d is not null || options.Paired))
            throw new EvaluationException($"{(options.Paired ? "--paired" : "--i3d")} compares with real clips: give their folder with --reference.");
        if (options.Resize is { } to && (to.Width < 1 || to.Height < 1))
            throw new EvaluationException($"--resize {to.Width}x{to.Height}: sizes are at least 1.");
        if (options.Reference is null && (options.Siglip is not null || options.VideoMae is not null))
            throw new EvaluationException($"{(options.Siglip is not null ? "--siglip" : "--videomae")} compares with real clips: give their folder with --reference.");
        if (options.Lpips is not null && !options.Paired)
            throw new EvaluationException("--lpips compares clips with references of the same names: add --paired.");
        if (options.Training is { } trained && options.Reference is { } held && Path.TrimEndingDirectorySeparator(Path.GetFullPath(trained)) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(held)))
            throw new EvaluationException($"--training and --reference are the same folder, {trained}: what a copy is can only be told from clips that training never saw.");
        IReadOnlyList<ClipFile> files = ClipFiles.Find(options.Clips);
        if (options.Prompts is { } prompts)
            files = ClipFiles.WithPrompts(files, prompts);
        IReadOnlyList<ClipFile> training = options.Training is { } trainingFolder ? ClipFiles.Find(trainingFolder) : [];
        var references = options.Reference is { } folder ? ClipFiles.Find(folder) : [];
        using VideoFeatures? video = options.I3d is { } i3d ? VideoFeatures.Load(i3d, options.Video with { Preparation = options.Preparation, Precision = options.Precision }, device) : null;
        using FrameFeatures? inception = options.Inception is { } inceptionFile ? FrameFeatures.Load(inceptionFile, device, options.Precision) : null;
        using NetworkFeatures? siglip = options.Siglip is { } siglipFolder ? NetworkFeatures.Siglip(siglipFolder, device, options.Precision) : null;
        using NetworkFeatures? videoMae = options.VideoMae is { } videoMaeFolder ? NetworkFeatures.VideoMae(videoMaeFolder, device, options.Precision) : null;
        using NetworkFeatures? c3d = options.C3d is { } c3dFile ? NetworkFeatures.C3d(c3dFile, device, options.Precision) : null;
        using PerceptualScores? lpips = options.Lpips is { } lpipsFile ? PerceptualScores.Load(lpipsFile, device) : null;
        using ClipScores? clipScores = options.Clip is { } clipFolder ? ClipScores.Load(clipFolder, device, options.Precision) : null;
        using FlowScores? flow = options.Raft is { } raft ? FlowScores.Load(raft, device) : null;
        using VBenchScores? vbench = options.VBench is { } vbenchFolder ? VBenchScores.Load(vbenchFolder, device) : null;
        using WorldScores? world = options.Probes is { } probes ? new WorldScores(probes, options.TextClip, device) : null;

        var records = new List<ClipRecord>();
        var skipped = new List<SkippedClip>();
        IClipFeatures[] extractors = [.. new IClipFeatures?[] { video, inception, siglip, videoMae, c3d }.OfType<IClipFeatures>()];
        var cache = new FeatureCache(options.Cache);
        var described = new List<double>();
        List<double>[] features = [.. extractors.Select(_ => new List<double>())];
        ClipShape? shape = null;
        int done = 0;
        foreach (var (file, clip, failure) in Decoded(files, options.Resize, cancellationToken))
        {
            progress?.Invoke("judging clips", ++done, files.Count);
            if (clip is null)
            {
                skipped.Add(new SkippedClip(file.Name, failure!));
                continue;
            }
            var own = new ClipShape(clip.Width, clip.Height, clip.Frames.Count, clip.Fps);
            shape ??= own;
            if (own != shape)
            {
                skipped.Add(new SkippedClip(file.Name, $"{own}; the first clip has {shape}, and scores of mixed clips mean nothing.{(own with { Width = shape.Width, Height = shape.Height } == shape ? " --resize WxH brings all to one size" : "")}"));
                continue;
            }
            try
            {
                string? prompt = file.Prompt ?? ClipFiles.ManifestPrompt(clip);
                var values = new SortedDictionary<string, double>(FrameScores.OverTime(clip).ToDictionary(), StringComparer.Ordinal);
                if (flow is not null)
                    AddAll(values, flow.Of(clip));
                if (vbench is not null)
                    AddAll(values, vbench.Of(clip, prompt));
                if (options.Paired)
                    AddAll(values, AgainstReference(clip, file, references, lpips, options.Resize));
                if (clipScores is not null)
                    AddAll(values, clipScores.Of(clip, prompt));
                double[] descriptor = training.Count > 0 ? PixelDescriptor.Of(clip) : [];
                double[][] rows = [.. extractors.Select(e => cache.Of(e, clip, file.Path))];
                IReadOnlyList<AttributeVerdict> verdicts = [];
                if (world is not null && world.Reads(clip) && prompt is not null && WorldScores.Parse(prompt) is { } combination)
                {
                    (verdicts, double? similarity) = world.Read(clip, combination);
                    if (similarity is { } s)
                        values[TextClipJudge.Similarity] = s;
                }
                else if (world is { ReadsPairs: true } && world.Reads(clip) && prompt is not null && WorldScores.ParsePair(prompt) is { } pair)
                {
                    verdicts = world.ReadPair(clip, pair);
                }
                for (int e = 0; e < extractors.Length; e++)
                    features[e].AddRange(rows[e]);
                described.AddRange(descriptor);
                records.Add(new ClipRecord(file.Name, Path.GetFullPath(file.Path), Checkpoint.HashFile(file.Path), prompt, values, verdicts));
            }
            catch (EvaluationException e)
            {
                skipped.Add(new SkippedClip(file.Name, e.Message));
            }
        }
        if (records.Count == 0)
            throw new EvaluationException($"{options.Clips}: none of {Words.Count(files.Count, "clip")} could be judged; {skipped[0].Name}: {skipped[0].Reason}.");

        var sheet = Means(records, flow, lpips, clipScores, vbench, options);
        string[] byPrompts = [.. clipScores is null ? [] : new[] { ClipScores.Similarity }, .. vbench?.Dimensions.Select(d => d.Name) ?? []];
        sheet = sheet.With(new ScoreSheet([], [.. byPrompts.Where(name => records.TrueForAll(r => !r.Values.ContainsKey(name))).Select(name => new RefusedScore(name, "needs prompts, and no clip has one: give them with --prompts"))]));
        FeatureMatrix? generated = null, real = null;
        for (int e = 0; e < extractors.Length; e++)
        {
            IClipFeatures extractor = extractors[e];
            var own = new FeatureMatrix(options.Clips, features[e].Count / extractor.Dimension, extractor.Dimension, [.. features[e]]);
            var named = options.Distributions with { Features = extractor.Features, Preprocessing = extractor == video ? extractor.Preprocessing : options.Preparation + extractor.Preprocessing, WeightsSha256 = extractor.WeightsSha256, FrechetName = extractor.Names.Frechet, KernelName = extractor.Names.Kernel };
            if (options.Reference is { } name)
            {
                FeatureMatrix other = ReferenceFeatures(name, references, extractor, shape!.Fps, options.Resize, cache, skipped, progress, cancellationToken);
                ScoreSheet distances = DistributionSuite.Compare(own, other, named, (stage, i, n) => progress?.Invoke(stage, i, n), cancellationToken);
                sheet = sheet.With(extractors.Length == 1 ? distances : Prefixed(distances, extractor.Names));
                if (extractor == video)
                    (generated, real) = (own, other);
            }
            if (extractor.ClassifierScore is { } classifierScore)
                sheet = sheet.With(DistributionSuite.Inception(extractor.Probabilities(own), classifierScore, named));
        }
        IReadOnlySet<string> random = RandomWeights.Marked([options.I3d, options.Inception, options.Siglip, options.VideoMae, options.C3d, options.Lpips, options.Clip, options.Raft, .. VBenchScores.Files(options.VBench)]);
        sheet = RandomWeights.Refuse(sheet, random);
        if (random.Count > 0)
            records = records.ConvertAll(r => r with { Values = new SortedDictionary<string, double>(r.Values.Where(v => sheet.Refused.All(s => s.Metric != v.Key)).ToDictionary(), StringComparer.Ordinal) });
        sheet = sheet.With(WorldSheet(world, records, options, cancellationToken));
        if (training.Count > 0)
        {
            progress?.Invoke("searching training clips", 0, training.Count);
            (records, ScoreSheet copies) = TrainingSearch.Of(records, described, Decoded(training, options.Resize, cancellationToken), Decoded(references, options.Resize, cancellationToken), skipped, options.Distributions.Seed);
            sheet = sheet.With(copies);
        }
        var report = new EvaluationReport { Schema = EvaluationReport.SchemaName, Subject = options.Clips, Time = DateTimeOffset.UtcNow, Shape = shape!, Sheet = sheet, Clips = records, Skipped = skipped };
        return new ClipEvaluationResult(report, generated, real);
    }

    private static ScoreSheet WorldSheet(WorldScores? world, List<ClipRecord> records, ClipEvaluationOptions options, CancellationToken cancellationToken)
    {
        if (world is null)
            return new ScoreSheet([], []);
        if (world.Count == 0)
            return new ScoreSheet([], options.ProbesAsked ? [new RefusedScore("world", $"no clip has the size of the probe and a prompt in the words of the procedural world, like 'a red balloon moves up over a night city'; {Words.Count(records.Count, "clip")}, the first prompt {(records[0].Prompt is { } first ? $"is '{first}'" : "is not known (give --prompts)")}")] : []);
        try
        {
            ScoreSheet sheet = world.Finish(options.Distributions, cancellationToken);
            return world.Count == records.Count ? sheet : sheet with { Scores = [.. sheet.Scores.Select(s => s with { Warnings = [.. s.Warnings, $"{Words.Count(records.Count - world.Count, "clip")} with prompts of another kind left out"] })] };
        }
        catch (ProbeGateException e)
        {
            return new ScoreSheet([], [new RefusedScore("world", e.Message)]);
        }
    }

    // With several networks, scores of one name are told apart by the distance they belong to.
    private static ScoreSheet Prefixed(ScoreSheet sheet, (string Frechet, string Kernel) names)
    {
        string Name(string metric) => metric.StartsWith(names.Frechet, StringComparison.Ordinal) || metric == names.Kernel ? metric : $"{names.Frechet}.{metric}";
        return sheet with { Scores = [.. sheet.Scores.Select(s => s with { Metric = Name(s.Metric) })], Refused = [.. sheet.Refused.Select(r => r with { Metric = Name(r.Metric) })] };
    }

    private static FeatureMatrix ReferenceFeatures(string name, IReadOnlyList<ClipFile> references, IClipFeatures extractor, double fps, (int Width, int Height)? resize, FeatureCache cache, List<SkippedClip> skipped, Action<string, int, int>? progress, CancellationToken cancellationToken)
    {
        var rows = new List<double>();
        int done = 0;
        (int Width, int Height)? size = null;
        foreach (var (file, clip, failure) in Decoded(references, resize, cancellationToken))
        {
            progress?.Invoke("reading the reference", ++done, references.Count);
            try
            {
                if (clip is null)
                    throw new EvaluationException(failure!);
                if (Math.Abs(clip.Fps - fps) > RateTolerance * fps)
                    throw new EvaluationException(FormattableString.Invariant($"{clip.Fps:0.###} frames per second, the clips have {fps:0.###}: motion would be compared at two speeds"));
                size ??= (clip.Width, clip.Height);
                if (size != (clip.Width, clip.Height))
                    throw new EvaluationException($"{clip.Width}×{clip.Height}; the first reference has {size.Value.Width}×{size.Value.Height}. --resize WxH brings all to one size");
                rows.AddRange(cache.Of(extractor, clip, file.Path));
            }
            catch (EvaluationException e)
            {
                skipped.Add(new SkippedClip("reference: " + file.Name, e.Message));
            }
        }
        return rows.Count > 0 ? new FeatureMatrix(name, rows.Count / extractor.Dimension, extractor.Dimension, [.. rows]) : throw new EvaluationException($"{name}: no reference clip could be read; {skipped[^1].Name}: {skipped[^1].Reason}.");
    }

    private static IReadOnlyDictionary<string, double> AgainstReference(Clip clip, ClipFile file, IReadOnlyList<ClipFile> references, PerceptualScores? lpips, (int Width, int Height)? resize)
    {
        ClipFile reference = references.FirstOrDefault(r => r.Name == file.Name) ?? throw new EvaluationException("has no reference of the same name");
        Clip other;
        try
        {
            other = Read(reference.Path, resize);
        }
        catch (MediaException e)
        {
            throw new EvaluationException("its reference: " + e.Message, e);
        }
        var values = new Dictionary<string, double>(FrameScores.Against(clip, other), StringComparer.Ordinal);
        if (lpips is not null)
            values[PerceptualScores.Name] = lpips.Of(clip, other);
        return values;
    }

    private static ScoreSheet Means(List<ClipRecord> records, FlowScores? flow, PerceptualScores? lpips, ClipScores? clip, VBenchScores? vbench, ClipEvaluationOptions options)
    {
        var scores = new List<Score>();
        foreach (string metric in records.SelectMany(r => r.Values.Keys).Where(m => m != TextClipJudge.Similarity).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            double[] values = [.. records.Where(r => r.Values.ContainsKey(metric)).Select(r => r.Values[metric])];
            var (network, preprocessing, weights) = metric switch
            {
                FlowScores.PublishedDynamicDegree or FlowScores.DynamicDegree or FlowScores.WarpingError => ($"torchvision {flow!.Variant}", "frames at 8 per second, full size", flow.WeightsSha256),
                PerceptualScores.Name => ("LPIPS, VGG-16", "[-1, 1], full size", lpips!.WeightsSha256),
                ClipScores.Similarity or ClipScores.Coherency or ClipScores.Consistency => ("CLIP", clip!.Preprocessing, clip.WeightsSha256),
                _ when vbench?.Dimensions.FirstOrDefault(d => d.Name == metric) is { } d => (d.Features, d.Preprocessing, d.WeightsSha256),
                FrameScores.Flicker => ("pixels", "VBench's definition, without its filter for clips that stand still", (string?)null),
                _ => ("pixels", "", null),
            };
            var passport = new ScorePassport { Protocol = metric + "/1", Features = network, Preprocessing = options.Preparation + preprocessing, WeightsSha256 = weights, Count = values.Length };
            if (metric is FlowScores.PublishedDynamicDegree or FlowScores.DynamicDegree)
            {
                var share = WilsonInterval.Of(values.Count(v => v > 0), values.Length);
                scores.Add(new Score(metric, share.Share, share.Low, share.High, "wilson", passport));
                continue;
            }
            Interval mean = Interval.MeanOf(values);
            scores.Add(values.Length > 1 ? new Score(metric, mean.Value, mean.Low, mean.High, "normal over clips", passport) : new Score(metric, mean.Value, null, null, null, passport));
        }
        return new ScoreSheet(scores, []);
    }

    private static void AddAll(SortedDictionary<string, double> into, IReadOnlyDictionary<string, double> values)
    {
        foreach (var (name, value) in values)
            into[name] = value;
    }

    private static IEnumerable<(ClipFile File, Clip? Clip, string? Failure)> Decoded(IReadOnlyList<ClipFile> files, (int Width, int Height)? resize, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var queue = new BlockingCollection<(ClipFile, Clip?, string?)>(DecodedAhead);
        var decoder = new Thread(() => Decode(files, resize, queue, stop.Token)) { IsBackground = true, Name = "clip decoder" };
        decoder.Start();
        try
        {
            foreach (var item in queue.GetConsumingEnumerable(cancellationToken))
                yield return item;
        }
        finally
        {
            stop.Cancel();
            decoder.Join();
        }
    }

    private static Clip Read(string path, (int Width, int Height)? resize)
    {
        Clip clip = Clip.Read(path);
        if (resize is not { } size || (clip.Width, clip.Height) == size)
            return clip;
        var resized = new Clip([.. clip.Frames.Select(f => PillowResize.Resize(f, size.Width, size.Height, PillowFilter.Bilinear))], clip.FrameRate);
        foreach (var (name, text) in clip.Metadata)
            resized.Metadata[name] = text;
        return resized;
    }

    private static void Decode(IReadOnlyList<ClipFile> files, (int Width, int Height)? resize, BlockingCollection<(ClipFile, Clip?, string?)> queue, CancellationToken cancellationToken)
    {
        try
        {
            foreach (ClipFile file in files)
            {
                Clip? clip = null;
                string? failure = null;
                try
                {
                    clip = Read(file.Path, resize);
                }
                catch (Exception e) when (e is MediaException or IOException or UnauthorizedAccessException)
                {
                    failure = e.Message;
                }
                queue.Add((file, clip, failure), cancellationToken);
            }
        }
        catch (OperationCanceledException)
        {
            // The reader has left; nobody waits for more clips.
        }
        finally
        {
            queue.CompleteAdding();
        }
    }
}
