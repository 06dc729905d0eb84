namespace Kinora.Curation.Scores;

/// <summary>From the flows of a source's pairs to the scores of its clips.</summary>
public static class FlowPairs
{
    /// <summary>A clip of which less than this share can be followed has unknown motion.</summary>
    public const double LeastFollowed = 0.02;

    /// <summary>The pairs that lie in a clip.</summary>
    public static IReadOnlyList<FlowPair> Within(IEnumerable<FlowPair> pairs, ClipMeasures clip)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        ArgumentNullException.ThrowIfNull(clip);
        return [.. pairs.Where(p => p.From >= clip.StartFrame && p.To < clip.EndFrame && p.Seconds > 0)];
    }

    /// <summary>A mean over the pairs of a clip that could be followed, with the share of pixels that were as confidence; missing where nothing could be followed: unknown is not still.</summary>
    /// <param name="name">The score.</param>
    /// <param name="pairs">The pairs in the clip.</param>
    /// <param name="value">The number of one pair.</param>
    public static Score Mean(string name, IReadOnlyList<FlowPair> pairs, Func<FlowPair, double> value)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        ArgumentNullException.ThrowIfNull(value);
        FlowPair[] known = [.. pairs.Where(p => p.Followed >= LeastFollowed)];
        return known.Length == 0
            ? Score.Missing(name, pairs.Count == 0 ? "no pair of pictures lies in the clip" : "too little of the picture can be followed forward and back")
            : new Score(name, Math.Round(known.Average(value), 6), Math.Round(known.Sum(p => p.Followed) / pairs.Count, 6));
    }

    /// <summary>Percent of the diagonal per second over the pixels that were followed.</summary>
    public static double Speed(FlowPair pair)
    {
        ArgumentNullException.ThrowIfNull(pair);
        return 100 * pair.FollowedMean / Math.Sqrt(((double)pair.Width * pair.Width) + ((double)pair.Height * pair.Height)) / pair.Seconds;
    }
}
