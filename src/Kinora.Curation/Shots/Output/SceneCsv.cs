// The scene list of PySceneDetect 0.7 (output/__init__.py, write_scene_list): the same columns, 1-based start frames.
using System.Globalization;
using System.Text;
using Kinora.Media;

namespace Kinora.Curation.Shots.Output;

/// <summary>Shots as CSV. Times count from the clip's first frame.</summary>
public static class SceneCsv
{
    private const string Header = "Scene Number,Start Frame,Start Timecode,Start Time (seconds),End Frame,End Timecode,End Time (seconds),Length (frames),Length (timecode),Length (seconds)";

    /// <summary>The file's text.</summary>
    public static string Write(ShotList list)
    {
        ArgumentNullException.ThrowIfNull(list);
        Rational origin = list.Shots[0].StartTime;
        var text = new StringBuilder("Timecode List:");
        foreach (var shot in list.Shots.Skip(1)) { text.Append(',').Append(Timecode.Clock(shot.StartTime - origin)); }
        text.Append('\n').Append(Header).Append('\n');
        for (int i = 0; i < list.Shots.Count; i++)
        {
            var shot = list.Shots[i];
            Rational start = shot.StartTime - origin, end = shot.EndTime - origin, length = end - start;
            text.Append(CultureInfo.InvariantCulture, $"{i + 1},{shot.Start + 1},{Timecode.Clock(start)},{Timecode.Seconds(start)},{shot.End},{Timecode.Clock(end)},{Timecode.Seconds(end)},{shot.Length},{Timecode.Clock(length)},{Timecode.Seconds(length)}\n");
        }
        return text.ToString();
    }
}
