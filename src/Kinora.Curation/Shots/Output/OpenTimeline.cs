// OpenTimelineIO's JSON interchange: Timeline.1, Stack.1, Track.1, Clip.2 (schema names of OpenTimelineIO 0.15 and later).
using System.Text;
using System.Text.Json;

namespace Kinora.Curation.Shots.Output;

/// <summary>Shots as an OTIO timeline of one video track.</summary>
public static class OpenTimeline
{
    /// <summary>The file's text.</summary>
    public static string Write(ShotList list)
    {
        ArgumentNullException.ThrowIfNull(list);
        double rate = list.FrameRate.ToDouble();
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("OTIO_SCHEMA", "Timeline.1");
            json.WriteString("name", Path.GetFileNameWithoutExtension(list.Path));
            json.WriteStartObject("metadata");
            json.WriteEndObject();
            Time(json, "global_start_time", 0, rate);
            json.WriteStartObject("tracks");
            json.WriteString("OTIO_SCHEMA", "Stack.1");
            json.WriteString("name", "tracks");
            json.WriteStartArray("children");
            json.WriteStartObject();
            json.WriteString("OTIO_SCHEMA", "Track.1");
            json.WriteString("name", "shots");
            json.WriteString("kind", "Video");
            json.WriteStartArray("children");
            for (int i = 0; i < list.Shots.Count; i++) { Clip(json, list, i, rate); }
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.ToArray()) + "\n";
    }

    private static void Clip(Utf8JsonWriter json, ShotList list, int i, double rate)
    {
        json.WriteStartObject();
        json.WriteString("OTIO_SCHEMA", "Clip.2");
        json.WriteString("name", $"shot {i + 1}");
        Range(json, "source_range", list.Shots[i].Start, list.Shots[i].Length, rate);
        json.WriteString("active_media_reference_key", "DEFAULT_MEDIA");
        json.WriteStartObject("media_references");
        json.WriteStartObject("DEFAULT_MEDIA");
        json.WriteString("OTIO_SCHEMA", "ExternalReference.1");
        json.WriteString("name", Path.GetFileName(list.Path));
        // Where the timeline is written is not where the video lies.
        json.WriteString("target_url", new Uri(Path.GetFullPath(list.Path)).AbsoluteUri);
        Range(json, "available_range", list.Shots[0].Start, list.Shots[^1].End - list.Shots[0].Start, rate);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Range(Utf8JsonWriter json, string name, long start, long length, double rate)
    {
        json.WriteStartObject(name);
        json.WriteString("OTIO_SCHEMA", "TimeRange.1");
        Time(json, "start_time", start, rate);
        Time(json, "duration", length, rate);
        json.WriteEndObject();
    }

    private static void Time(Utf8JsonWriter json, string name, long value, double rate)
    {
        json.WriteStartObject(name);
        json.WriteString("OTIO_SCHEMA", "RationalTime.1");
        json.WriteNumber("rate", rate);
        json.WriteNumber("value", (double)value);
        json.WriteEndObject();
    }
}
