using System.Text;
using System.Text.Json;

namespace Kinora.Curation.Shots.Output;

/// <summary>The cut list for programs.</summary>
public static class CutsJson
{
    /// <summary>One JSON object: file, detector, fps, frames, cuts (frame numbers) and scenes with times in seconds from the first frame.</summary>
    public static string Write(ShotList list, string detector)
    {
        ArgumentNullException.ThrowIfNull(list);
        var origin = list.Shots[0].StartTime;
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("file", list.Path);
            json.WriteString("detector", detector);
            json.WriteString("frame_rate", list.FrameRate.ToString());
            json.WriteNumber("fps", list.FrameRate.ToDouble());
            json.WriteNumber("frames", list.Frames);
            json.WriteNumber("start_time", origin.ToDouble());
            if (list.Damage is { } damage) { json.WriteString("damage", damage); }
            json.WriteStartArray("cuts");
            foreach (long cut in list.Cuts) { json.WriteNumberValue(cut); }
            json.WriteEndArray();
            json.WriteStartArray("scenes");
            foreach (var shot in list.Shots)
            {
                json.WriteStartObject();
                json.WriteNumber("start_frame", shot.Start);
                json.WriteNumber("end_frame", shot.End);
                json.WriteNumber("start_time", Math.Round((shot.StartTime - origin).ToDouble(), 6));
                json.WriteNumber("end_time", Math.Round((shot.EndTime - origin).ToDouble(), 6));
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.ToArray());
    }
}
