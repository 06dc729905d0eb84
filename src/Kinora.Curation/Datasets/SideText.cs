// What somebody wrote about a video in a file beside it: film.txt, or the "caption" of film.json, next to film.mp4.
// Layout: video2dataset and WebDataset, which keep 00000.mp4, 00000.txt and 00000.json side by side.
using System.Text;
using System.Text.Json;

namespace Kinora.Curation.Datasets;

/// <summary>A text that came with the footage. It speaks of the whole video, so that every clip cut from it shares the text.</summary>
/// <param name="File">The file below the corpus folder.</param>
/// <param name="Text">One line; empty when <paramref name="Problem"/> says why it cannot be used.</param>
/// <param name="Problem">What is wrong with the file; null when nothing is.</param>
public sealed record SideText(string File, string Text, string? Problem = null)
{
    /// <summary>Largest file that is taken for a caption, bytes.</summary>
    public const int MaxBytes = 64 * 1024;

    /// <summary>The text beside a video: of <c>.txt</c> where there is one, else the "caption" of <c>.json</c>; null where there is neither, or the JSON has no caption.</summary>
    /// <param name="video">Path of the video.</param>
    /// <param name="name">Its name below the corpus folder.</param>
    public static SideText? Find(string video, string name)
    {
        foreach (string extension in new[] { ".txt", ".json" })
        {
            string path = Path.ChangeExtension(video, extension);
            if (System.IO.File.Exists(path)) { return Read(path, Path.ChangeExtension(name, extension)); }
        }
        return null;
    }

    private static SideText? Read(string path, string name)
    {
        if (new FileInfo(path).Length > MaxBytes) { return new SideText(name, "", $"expected at most {MaxBytes} bytes, got {new FileInfo(path).Length}"); }
        string text;
        try
        {
            byte[] content = System.IO.File.ReadAllBytes(path);
            if (!path.EndsWith(".json", StringComparison.Ordinal)) { text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(content); }
            else
            {
                using var json = JsonDocument.Parse(content.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? content.AsMemory(Encoding.UTF8.Preamble.Length) : content);
                if (json.RootElement.ValueKind != JsonValueKind.Object || !json.RootElement.TryGetProperty("caption", out var caption)) { return null; }
                if (caption.ValueKind != JsonValueKind.String) { return new SideText(name, "", $"expected \"caption\" to be text, got {caption.ValueKind}"); }
                text = caption.GetString()!;
            }
        }
        catch (Exception e) when (e is JsonException or DecoderFallbackException or InvalidOperationException)
        {
            return new SideText(name, "", e is JsonException ? $"no JSON: {e.Message}" : "no UTF-8 text");
        }
        string line = string.Join(' ', text.TrimStart('\uFEFF').Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return line.Length > 0 ? new SideText(name, line) : new SideText(name, "", "the text is empty");
    }
}
