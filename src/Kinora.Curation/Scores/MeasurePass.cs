// One decode, all measurements: shots, numbers of every frame, pictures of a few frames per second, then scores by clip.
using Kinora.Curation.Frames;
using Kinora.Curation.Shots;
using Kinora.Media;

namespace Kinora.Curation.Scores;

/// <summary>Measures one source file.</summary>
public static class MeasurePass
{
    private const int SeriesPoints = 600, MotionGap = 4;

    // Pixels above which fewer pictures wait.
    private const long LargePicture = 1920 * 1088;

    /// <summary>Decodes a file once and measures everything. A file that cannot be read gives a record that says so.</summary>
    /// <param name="path">The file.</param>
    /// <param name="sha256">Its hash.</param>
    /// <param name="options">How.</param>
    /// <param name="scorers">The optional scorers at hand; null for none. Scores of the others say how to get them.</param>
    /// <param name="given">The text that came with the footage; null for none.</param>
    /// <param name="progress">Told, on another thread, the seconds done and the seconds in all (0 when unknown).</param>
    /// <param name="cancellationToken">Stops between frames.</param>
    public static SourceMeasures Run(string path, string sha256, MeasureOptions options, IReadOnlyList<IClipScorer>? scorers = null, string? given = null, Action<double, double>? progress = null, CancellationToken cancellationToken = default) =>
        Run(path, sha256, options, null, scorers, given, progress, cancellationToken);

    /// <summary>The same with clocks.</summary>
    internal static SourceMeasures Run(string path, string sha256, MeasureOptions options, PassClocks? clocks, IReadOnlyList<IClipScorer>? scorers = null, string? given = null, Action<double, double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        try
        {
            using var reader = AnalysisReader.Open(path, motionVectors: true, upright: true);
            return Measure(reader, path, sha256, options, clocks, scorers ?? [], given, progress, cancellationToken);
        }
        catch (MediaException e) when (e.Kind is not (MediaErrorKind.NativeLibrary or MediaErrorKind.Internal or MediaErrorKind.DiskFull))
        {
            return new SourceMeasures { Sha256 = sha256, Options = options.Key(scorers, given), Failure = $"{e.Kind}: {Described(e, path)}" };
        }
    }

    private static SourceMeasures Measure(AnalysisReader reader, string path, string sha256, MeasureOptions options, PassClocks? clocks, IReadOnlyList<IClipScorer> scorers, string? given, Action<double, double>? progress, CancellationToken cancellationToken)
    {
        using var meter = new LumaMeter();
        var graph = new FrameGraph(reader.Width, reader.Height);
        // What samplers see of a frame while the decoding thread is further on.
        var sampled = new FrameGraph(reader.Width, reader.Height);
        // Optical flow, where there is any, knows the camera better than blocks do.
        bool blocks = scorers.All(s => s.Name != ScorerSlot.OpenCv), whole = scorers.Any(s => s.NeedsEarlier);
        using var pictures = new PictureMeter(sampled, blocks);
        var grid = new FrameGrid(reader.Info);
        var trace = new ShotTrace(recordsMetrics: false);
        double fps = grid.Rate.ToDouble(), total = reader.Info.Duration?.TotalSeconds ?? 0;
        IShotDetector detector = Detectors.Create(options.Detector, new DetectorSettings { Threshold = options.Threshold, MinLength = (long)Math.Round(options.MinShotSeconds * fps), EveryHardCut = true });
        int step = Math.Max(1, (int)Math.Round(fps / options.SamplesPerSecond)), gap = Math.Min(MotionGap, step);
        using var optional = new ScorerPasses(scorers);
        var frames = new List<FrameMeasures>();
        var samples = new List<PictureMeasures>();
        Rational? lastDuration = null;
        string? damage = null;
        using var queue = new SampleQueue((long)reader.Width * reader.Height > LargePicture ? 2 : 3);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        // Every frame is walked over on one thread while the next is decoded on another; sampled pictures are measured here, where scorers may have their networks.
        var walking = Task.Factory.StartNew(Walk, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            clocks?.Sampling.Start();
            foreach (var sample in queue.Filled())
            {
                clocks?.Sampling.Lap("waiting");
                if (sample.HasEarlier && blocks)
                {
                    sampled.Load(sample.EarlierSmall, sample.EarlierAt.Index, sample.EarlierAt.Time);
                    pictures.Remember();
                }
                sampled.Load(sample.Small, sample.At.Index, sample.At.Time);
                samples.Add(pictures.Measure(sample.Picture, CodecMotion.Of(sample.Vectors, sample.CodedWidth, sample.CodedHeight)));
                clocks?.Sampling.Lap("sampled pictures");
                optional.Add(sample.Picture, sample.HasEarlier && whole ? sample.Earlier : null, clocks?.Sampling);
            }
        }
        catch
        {
            stop.Cancel();
            throw;
        }
        finally
        {
            Task.WaitAny([walking], CancellationToken.None);
        }
        cancellationToken.ThrowIfCancellationRequested();
        walking.GetAwaiter().GetResult();

        void Walk()
        {
            Sample? next = null;
            var ahead = Task.CompletedTask;
            try
            {
                clocks?.Frames.Start();
                while (reader.Advance())
                {
                    stop.Token.ThrowIfCancellationRequested();
                    ahead = Task.Run(DecodeAhead, CancellationToken.None);
                    var luma = meter.Measure(reader);
                    clocks?.Frames.Lap("luma of every frame");
                    graph.Load(reader, grid.Next(reader.Pts));
                    detector.Process(graph, trace);
                    clocks?.Frames.Lap("shots");
                    var delta = graph.Delta;
                    frames.Add(new FrameMeasures(graph.Index, graph.Time, luma, (delta.Hue + delta.Saturation + delta.Luma) / 3));
                    if ((frames.Count - 1) % step == 0)
                    {
                        next ??= queue.Take(stop.Token);
                        next.Load(reader, graph);
                        queue.Add(next);
                        next = null;
                    }
                    if ((frames.Count - 1 + gap) % step == 0)
                    {
                        next ??= queue.Take(stop.Token);
                        next.LoadEarlier(reader, graph, whole);
                    }
                    lastDuration = reader.Duration;
                    progress?.Invoke((graph.Time - frames[0].Time).ToDouble(), total);
                    clocks?.Frames.Lap("handing over");
                    ahead.GetAwaiter().GetResult();
                    clocks?.Frames.Start();
                }
            }
            catch (MediaException e) when (frames.Count > 0 && e.Kind is MediaErrorKind.Truncated or MediaErrorKind.Corrupt)
            {
                damage = $"{e.Kind}: {Described(e, path)}";
            }
            finally
            {
                Task.WaitAny([ahead], CancellationToken.None);
                queue.Complete();
            }
        }

        void DecodeAhead()
        {
            clocks?.Decoding.Start();
            reader.DecodeAhead();
            clocks?.Decoding.Lap("decoding");
        }

        if (frames.Count == 0) { throw new MediaException(MediaErrorKind.Corrupt, $"{path}: no frame could be decoded.", path); }
        detector.Finish(graph.Index, trace);
        optional.Finish();
        long[] found = options.StitchDistance is { } apart ? Stitch([.. trace.Cuts], frames[0].Index, frames[^1].Index + 1, optional, apart) : [.. trace.Cuts];
        Rational end = frames[^1].Time + (lastDuration ?? grid.Rate.Invert());
        var rules = new ShotRules { MaxLength = Math.Max(1, (long)Math.Round(options.MaxClipSeconds * fps)) };
        return new SourceMeasures
        {
            Sha256 = sha256, Options = options.Key(scorers, given), Damage = damage,
            Facts = new SourceFacts
            {
                Container = reader.Info.Container, Codec = reader.Info.Codec, Width = reader.Info.Width, Height = reader.Info.Height, Rotation = reader.Info.Rotation,
                FrameRate = grid.Rate.ToString(), Frames = frames.Count, Seconds = (end - frames[0].Time).ToDouble(), Variable = frames[^1].Index - frames[0].Index + 1 != frames.Count,
            },
            Clips = Clips(sha256, frames, samples, found, rules, options, end, Math.Min(reader.Width, reader.Height), (graph.Width, graph.Height), pictures.Thumbnails).ConvertAll(clip => optional.Complete(clip with { Given = given })),
            Series = Thin(frames),
        };
    }

    private static List<ClipMeasures> Clips(string sha256, List<FrameMeasures> frames, List<PictureMeasures> samples, long[] found, ShotRules rules, MeasureOptions options, Rational end, int shortSide, (int Width, int Height) size, ThumbnailStore thumbnails)
    {
        long last = frames[^1].Index + 1;
        List<long> cuts = [frames[0].Index, .. rules.Apply(found, frames[0].Index, last), last];
        var real = found.ToHashSet();
        var clips = new List<ClipMeasures>();
        int at = 0, sample = 0;
        for (int i = 0; i + 1 < cuts.Count; i++)
        {
            long length = cuts[i + 1] - cuts[i];
            int trim = length > 4 * options.TrimFrames ? options.TrimFrames : 0;
            // Only real cuts are trimmed: the ends of the source and the seams of a divided shot are clean.
            long from = cuts[i] + (real.Contains(cuts[i]) ? trim : 0), to = cuts[i + 1] - (real.Contains(cuts[i + 1]) ? trim : 0);
            while (at < frames.Count && frames[at].Index < from) { at++; }
            int first = at;
            while (at < frames.Count && frames[at].Index < to) { at++; }
            if (at == first) { continue; }
            Rational stop = at < frames.Count ? frames[at].Time : end;
            while (sample < samples.Count && samples[sample].Index < from) { sample++; }
            int firstSample = sample;
            while (sample < samples.Count && samples[sample].Index < to) { sample++; }
            clips.Add(ClipScorer.Score(sha256, frames.GetRange(first, at - first), samples.GetRange(firstSample, sample - firstSample), to, stop, shortSide, size, thumbnails));
        }
        return clips;
    }

    // Cuts between shots that mean the same go: the camera was stopped for a moment, or a flash divided a shot.
    // Source: Chen et al., "Panda-70M", arXiv:2402.19479, section 3.1: end of one shot against begin of the next.
    private static long[] Stitch(long[] cuts, long first, long last, ScorerPasses optional, double apart)
    {
        var kept = new List<long>();
        for (int i = 0; i < cuts.Length; i++)
        {
            long before = i > 0 ? cuts[i - 1] : first, after = i + 1 < cuts.Length ? cuts[i + 1] : last;
            if (optional.Apart(before, cuts[i], after) is not { } distance || distance > apart) { kept.Add(cuts[i]); }
        }
        return [.. kept];
    }

    private static SourceSeries Thin(List<FrameMeasures> frames)
    {
        int every = Math.Max(1, (frames.Count + SeriesPoints - 1) / SeriesPoints);
        var parts = frames.Chunk(every).ToList();
        double Round(double value) => Math.Round(value, 3);
        return new SourceSeries
        {
            Time = [.. parts.Select(p => Round((p[0].Time - frames[0].Time).ToDouble()))],
            Motion = [.. parts.Select(p => Round(p.Max(f => f.Luma.Motion)))],
            Content = [.. parts.Select(p => Round(p.Max(f => f.Content)))],
            Luma = [.. parts.Select(p => Round(p.Average(f => f.Luma.Mean)))],
        };
    }

    // Records are shared between copies of a file, so they do not name one of them.
    private static string Described(MediaException e, string path) => e.Message.Replace(path, "the file", StringComparison.Ordinal);
}

/// <summary>Numbers of one frame.</summary>
internal readonly record struct FrameMeasures(long Index, Rational Time, LumaMeasures Luma, double Content);
