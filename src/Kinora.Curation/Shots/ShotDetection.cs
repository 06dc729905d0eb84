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
    public static ShotList Run(string path, IShotDetector detector, ShotRules? rules = null, int threads = 0, int streamIndex = -1, Action<double, double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(detector);
        using var reader = AnalysisReader.Open(path, threads: threads, streamIndex: streamIndex);
        var graph = new FrameGraph(reader.Info.Width, reader.Info.Height);
        var grid = new FrameGrid(reader.Info);
        var trace = new ShotTrace();
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
                detector.Process(graph, trace);
                progress?.Invoke((reader.Pts - stamps[0].Time).ToDouble(), seconds);
            }
        }
        catch (MediaException e) when (stamps.Count > 0 && e.Kind is MediaErrorKind.Truncated or MediaErrorKind.Corrupt)
        {
            damage = e.Message;
        }
        if (stamps.Count == 0) { throw new MediaException(MediaErrorKind.Corrupt, $"{path}: no frame could be decoded.", path); }
        long end = graph.Index + 1;
        detector.Finish(graph.Index, trace);
        var cuts = (rules ?? new ShotRules()).Apply(trace.Cuts, stamps[0].Index, end);
        Rational endTime = stamps[^1].Time + (lastDuration ?? grid.Rate.Invert());
        return new ShotList
        {
            Path = path, Info = reader.Info, FrameRate = grid.Rate, Frames = stamps.Count, Stamps = stamps, Cuts = cuts, Trace = trace, Damage = damage,
            Shots = Divide(cuts, stamps, end, endTime),
        };
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
