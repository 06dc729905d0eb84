// The statistics file of PySceneDetect 0.7 (stats_manager.py): one row per frame, 1-based numbers.
using System.Globalization;
using System.Text;

namespace Kinora.Curation.Shots.Output;

/// <summary>What detectors measured, per frame, as CSV.</summary>
public static class StatsCsv
{
    /// <summary>The file's text; a number that a frame does not have is an empty field.</summary>
    public static string Write(ShotList list)
    {
        ArgumentNullException.ThrowIfNull(list);
        var origin = list.Stamps[0].Time;
        var text = new StringBuilder("Frame Number,Timecode");
        foreach (string name in list.Trace.MetricNames) { text.Append(',').Append(name); }
        text.Append('\n');
        foreach (var (index, time) in list.Stamps)
        {
            text.Append(CultureInfo.InvariantCulture, $"{index + 1},{Timecode.Clock(time - origin)}");
            foreach (string name in list.Trace.MetricNames)
            {
                text.Append(',');
                if (list.Trace.Metric(name, index) is { } value) { text.Append(value.ToString("R", CultureInfo.InvariantCulture)); }
            }
            text.Append('\n');
        }
        return text.ToString();
    }
}
