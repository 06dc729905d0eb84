// Frame numbers from presentation times: counting decoded frames goes wrong with a variable frame rate.
using Kinora.Media;

namespace Kinora.Curation.Shots;

/// <summary>Numbers frames by their distance to the first one on a grid of the clip's nominal rate.</summary>
internal sealed class FrameGrid(VideoInfo info)
{
    private static readonly Rational Fallback = new(25, 1), HighestRate = new(240, 1);
    private Rational? _origin;
    private long _last = -1;

    /// <summary>Frames per second.</summary>
    public Rational Rate { get; } = RateOf(info);

    /// <summary>The number of the frame shown from <paramref name="time"/> on; larger than the number before.</summary>
    public long Next(Rational time)
    {
        _origin ??= time;
        double position = ((time - _origin.Value) * Rate).ToDouble();
        return _last = Math.Max(_last + 1, (long)Math.Round(position, MidpointRounding.ToEven));
    }

    // libavformat's guess of the lowest rate that holds every time stamp, unless it is only the time base in disguise.
    private static Rational RateOf(VideoInfo info)
    {
        if (!info.RealFrameRate.IsZero && info.RealFrameRate <= HighestRate) { return info.RealFrameRate; }
        return info.AverageFrameRate.IsZero ? Fallback : info.AverageFrameRate;
    }
}
