// A caption that says only what was measured, so that every word of it can be checked against the scores.
using System.Globalization;
using Kinora.Curation.Scores;

namespace Kinora.Curation.Datasets;

/// <summary>Captions from scores: length, motion, brightness, color, sharpness.</summary>
public static class FactCaption
{
    private const double Still = 0.5, Calm = 2.5, Lively = 8, DarkMean = 60, BrightMean = 170, Gray = 12, Vivid = 45, Soft = 30, MinPan = 5, MinZoom = 5, MinRoll = 4;

    // Hues by sixths of the circle, starting at red.
    private static readonly string[] Hues = ["red", "yellow", "green", "cyan", "blue", "magenta"];

    /// <summary>One sentence; what is unavailable is left out.</summary>
    public static string Describe(ClipMeasures clip)
    {
        ArgumentNullException.ThrowIfNull(clip);
        var words = new List<string>();
        if (clip[ScoreNames.VmafMotion]?.Value is { } motion) { words.Add(motion < Still ? "almost still" : motion < Calm ? "calm" : motion < Lively ? "moving" : "fast moving"); }
        if (clip[ScoreNames.Exposure]?.Value is { } luma && (luma < DarkMean || luma > BrightMean)) { words.Add(luma < DarkMean ? "dark" : "bright"); }
        if (clip[ScoreNames.Colorfulness]?.Value is { } color) { words.Add(color < Gray ? "nearly colorless" : color > Vivid ? "vivid" : "muted"); }
        if (clip[ScoreNames.Sharpness]?.Value is { } sharpness && sharpness < Soft) { words.Add("soft"); }
        string camera = Camera(clip);
        string tint = Tint(clip.Color) is { } hue ? $", mostly {hue}" : "";
        string length = clip[ScoreNames.Seconds]?.Value is { } seconds ? string.Create(CultureInfo.InvariantCulture, $" of {seconds:0.0} seconds") : "";
        string adjectives = words.Count > 0 ? string.Join(", ", words) + " " : "";
        string article = adjectives.Length > 0 && "aeiou".Contains(adjectives[0]) ? "An" : "A";
        return $"{article} {adjectives}shot{length}{tint}{camera}.";
    }

    private static string Camera(ClipMeasures clip)
    {
        (string Score, double Least, string Positive, string Negative)[] moves =
        [
            (ScoreNames.Zoom, MinZoom, "zooms in", "zooms out"), (ScoreNames.Pan, MinPan, "pans right", "pans left"), (ScoreNames.Tilt, MinPan, "tilts up", "tilts down"), (ScoreNames.Roll, MinRoll, "rolls clockwise", "rolls counterclockwise"),
        ];
        string[] seen = [.. moves.Select(m => (m, Value: clip[m.Score]?.Value ?? 0)).Where(x => Math.Abs(x.Value) >= x.m.Least).Select(x => x.Value > 0 ? x.m.Positive : x.m.Negative)];
        return seen.Length == 0 ? "" : $"; the camera {string.Join(" and ", seen)}";
    }

    private static string? Tint(IReadOnlyList<int> rgb)
    {
        const int tinted = 24;
        if (rgb.Count != 3) { return null; }
        int max = rgb.Max(), min = rgb.Min(), chroma = max - min;
        if (chroma < tinted) { return null; }
        double hue = max == rgb[0] ? (double)(rgb[1] - rgb[2]) / chroma : max == rgb[1] ? 2 + ((double)(rgb[2] - rgb[0]) / chroma) : 4 + ((double)(rgb[0] - rgb[1]) / chroma);
        return Hues[((int)Math.Round(hue) + 6) % 6];
    }
}
