namespace Kinora.Curation.Scores;

/// <summary>From the cameras of pairs of pictures to the scores of a clip: per second, in percent of the picture's diagonal for lengths, of its sides for pan and tilt.</summary>
internal static class CameraScores
{
    private static readonly string[] Names = [ScoreNames.CameraMotion, ScoreNames.ObjectMotion, ScoreNames.Pan, ScoreNames.Tilt, ScoreNames.Zoom, ScoreNames.Roll];

    /// <summary>The scores; missing where no camera is known: unknown is not still.</summary>
    /// <param name="pairs">The pairs that lie in the clip.</param>
    public static IEnumerable<Score> Of(IReadOnlyList<CameraPair> pairs)
    {
        CameraPair[] known = [.. pairs.Where(p => p.Camera is not null)];
        if (known.Length == 0) { return Names.Select(name => Score.Missing(name, pairs.Count == 0 ? "no pair of pictures lies in the clip" : "too little texture can be followed")); }
        double confidence = Math.Round(known.Sum(p => p.Camera!.Confidence) / pairs.Count, 6);
        Score PerSecond(string name, Func<CameraPair, double> value) => new(name, Math.Round(known.Average(p => value(p) / p.Seconds), 6), confidence);
        return
        [
            PerSecond(ScoreNames.CameraMotion, p => 100 * p.Camera!.Camera / p.Diagonal),
            PerSecond(ScoreNames.ObjectMotion, p => 100 * p.Camera!.Object / p.Diagonal),
            // The camera turns against the content.
            PerSecond(ScoreNames.Pan, p => -100 * p.Camera!.PanX / p.Width),
            PerSecond(ScoreNames.Tilt, p => 100 * p.Camera!.PanY / p.Height),
            PerSecond(ScoreNames.Zoom, p => 100 * p.Camera!.Zoom),
            PerSecond(ScoreNames.Roll, p => -p.Camera!.Roll * 180 / Math.PI),
        ];
    }
}

/// <summary>The camera between two pictures of a size; null when too little could be followed.</summary>
internal readonly record struct CameraPair(CameraMotion? Camera, double Seconds, int Width, int Height)
{
    public double Diagonal => Math.Sqrt(((double)Width * Width) + ((double)Height * Height));
}
