// The shots of one clip as a self-contained page: a picture from each, with numbers and times.
using System.Globalization;
using System.Net;
using System.Text;
using Kinora.Media;

namespace Kinora.Curation.Shots.Output;

/// <summary>Shots as HTML without outside references.</summary>
public static class ShotPage
{
    private const int ThumbnailWidth = 192;

    /// <summary>The page's text. Opens the clip again for one picture per shot, taken from its middle.</summary>
    /// <exception cref="MediaException">The clip cannot be read any more.</exception>
    public static string Write(ShotList list, string detector)
    {
        ArgumentNullException.ThrowIfNull(list);
        string name = WebUtility.HtmlEncode(Path.GetFileName(list.Path));
        Rational origin = list.Shots[0].StartTime;
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $$"""
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Shots of {{name}}</title>
            <style>
            :root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
            body { max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
            ol { list-style: none; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 1rem; }
            img { width: 100%; height: auto; display: block; border-radius: 3px; }
            small { opacity: .75; font-variant-numeric: tabular-nums; }
            </style></head><body>
            <h1>{{name}}</h1>
            <p>{{list.Shots.Count}} shots, {{list.Frames}} frames at {{list.FrameRate.ToDouble():0.###}} frames per second; detector {{WebUtility.HtmlEncode(detector)}}.</p>
            <ol>

            """);
        using var reader = VideoReader.Open(list.Path, new VideoReaderOptions { Width = ThumbnailWidth, Filter = ScaleFilter.Area, StreamIndex = list.Info.StreamIndex });
        for (int i = 0; i < list.Shots.Count; i++)
        {
            var shot = list.Shots[i];
            reader.SeekTo(((shot.StartTime + shot.EndTime) * new Rational(1, 2)).ToTimeSpan());
            string picture = reader.Read() is { } frame ? Convert.ToBase64String(ImageFile.EncodePng(frame)) : "";
            page.Append(CultureInfo.InvariantCulture, $"<li><img alt=\"shot {i + 1}\" src=\"data:image/png;base64,{picture}\"><b>{i + 1}</b> <small>frames {shot.Start}–{shot.End - 1}<br>{Timecode.Clock(shot.StartTime - origin)} – {Timecode.Clock(shot.EndTime - origin)}, {shot.Seconds:0.00} s</small></li>\n");
        }
        return page.Append("</ol></body></html>\n").ToString();
    }
}
