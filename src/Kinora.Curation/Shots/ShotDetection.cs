using Kinora.Curation.Frames;
using Kinora.Media;

namespace Kinora.Curation.Shots;

/// <summary>Decodes a clip once and lets detectors look at every frame.</summary>
public static class ShotDetection
{
    /// <summary>Finds the shots of a file.</summary>
    /// <param name="path">A video file.</param>
    /// <param name="detector">Which cuts.</param>
    /// <param name="rules">What happens to the shots.</param>
    /// <param name="threads">Decoder threads; 0 = as many as this process may use.</param>
    /// <param name="streamIndex">Index of the stream in the container; −1 takes the best video stream.</param>
    /// <param name="progress">Told the time of the current frame and the clip's duration, seconds; 0 when unknown.</param>
    /// <param name="cancellationToken">Stops between frames.</param>
    /// <exception cref="MediaException">The file is no video, or not a single frame can be decoded. Damage behind good frames is reported in the result.</exception>
    public static ShotList Run(string path, IShotDetector detector, ShotRules? rules = null, int threads = 0, int streamIndex = -1, Action<double, double>? progress = null, CancellationToken cancellationToken = default) =>
        RunAll(path, [detector], rules, threads, streamIndex, progress, cancellationToken)[0];

    /// <summary>Finds the shots of a file by several detectors in one pass; one list for each.</summary>
    /// <inheritdoc cref="Run"/>
    public static IReadOnlyList<ShotList> RunAll(string path, IReadOnlyList<IShotDetector> detectors, ShotRules? rules = null, int threads = 0, int streamIndex = -1, Action<double, double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(detectors);
        using var reader = AnalysisReader.Open(path, threads: threads, streamIndex: streamIndex);
        var graph = new FrameGraph(reader.Info.Width, reader.Info.Height);
        var grid = new FrameGrid(reader.Info);
        ShotTrace[] traces = [.. detectors.Select(_ => new ShotTrace())];
        var stamps = new List<FrameStamp>();
        double seconds = reader.Info.Duration?.TotalSeconds ?? 0;
        string? damage = null;
        Rational? lastDuration = null;
        try
        {
            while (reader.Advance())
            {
                cancellationToken.ThrowIfCancellationRequested();
                graph.Load(reader, grid.Next(reader.Pts));
                stamps.Add(new FrameStamp(graph.Index, graph.Time));
                lastDuration = reader.Duration;
                for (int i = 0; i < traces.Length; i++) { detectors[i].Process(graph, traces[i]); }
                progress?.Invoke((reader.Pts - stamps[0].Time).ToDouble(), seconds);
            }
        }
        catch (MediaException e) when (stamps.Count > 0 && e.Kind is MediaErrorKind.Truncated or MediaErrorKind.Corrupt)
        {
            damage = e.Message;
        }
        if (stamps.Count == 0) { throw new MediaException(MediaErrorKind.Corrupt, $"{path}: no frame could be decoded.", path); }
        long end = graph.Index + 1;
        Rational endTime = stamps[^1].Time + (lastDuration ?? grid.Rate.Invert());
        var lists = new List<ShotList>();
        for (int i = 0; i < traces.Length; i++)
        {
            detectors[i].Finish(graph.Index, traces[i]);
            var cuts = (rules ?? new ShotRules()).Apply(traces[i].Cuts, stamps[0].Index, end);
            lists.Add(new ShotList
            {
                Path = path, Info = reader.Info, FrameRate = grid.Rate, Frames = stamps.Count, Stamps = stamps, Cuts = cuts, Trace = traces[i], Damage = damage,
                Shots = Divide(cuts, stamps, end, endTime),
            });
        }
        return lists;
    }

    /// <summary>Frames per second of the grid on which a clip's frames are numbered.</summary>
    public static Rational FrameRateOf(VideoInfo info) => new FrameGrid(info).Rate;

    private static List<Shot> Divide(List<long> cuts, List<FrameStamp> stamps, long end, Rational endTime)
    {
        var shots = new List<Shot>();
        var (start, startTime) = stamps[0];
        int at = 0;
        foreach (long cut in cuts)
        {
            // A cut between two frames of the grid (a fade's middle in a clip with dropped frames) takes effect at the next one.
            while (stamps[at].Index < cut) { at++; }
            shots.Add(new Shot(start, cut, startTime, stamps[at].Time));
            (start, startTime) = (cut, stamps[at].Time);
        }
        shots.Add(new Shot(start, end, startTime, endTime));
        return shots;
    }
}
