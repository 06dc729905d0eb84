using System.Globalization;
using Kinora.Media;

namespace Kinora.Curation.Shots.Output;

/// <summary>Times as text.</summary>
internal static class Timecode
{
    /// <summary>HH:MM:SS.mmm, rounded to milliseconds.</summary>
    public static string Clock(Rational seconds)
    {
        long ms = (long)Math.Round(seconds.ToDouble() * 1000, MidpointRounding.ToEven);
        string sign = ms < 0 ? "-" : "";
        ms = Math.Abs(ms);
        return string.Create(CultureInfo.InvariantCulture, $"{sign}{ms / 3_600_000:00}:{ms / 60_000 % 60:00}:{ms / 1000 % 60:00}.{ms % 1000:000}");
    }

    /// <summary>HH:MM:SS:FF, non-drop, of a frame number at a rate rounded to whole frames per second.</summary>
    public static string Frames(long index, Rational rate)
    {
        long fps = Math.Max(1, (long)Math.Round(rate.ToDouble()));
        return string.Create(CultureInfo.InvariantCulture, $"{index / (fps * 3600):00}:{index / (fps * 60) % 60:00}:{index / fps % 60:00}:{index % fps:00}");
    }

    /// <summary>Seconds with three decimals.</summary>
    public static string Seconds(Rational seconds) => seconds.ToDouble().ToString("0.000", CultureInfo.InvariantCulture);
}
