// Texts inside containers: MP4 'mdta' items, Matroska tags, GIF comments, PNG iTXt chunks, manifest.json of a folder.
using System.Text;

namespace Kinora.Media;

/// <summary>Texts stored in the container of a clip or image.</summary>
public static class MediaMetadata
{
    /// <summary>The name under which a generated clip carries its manifest JSON.</summary>
    public const string ManifestKey = "kinora";

    // Written by muxers about the file itself; not texts of ours.
    private static readonly HashSet<string> Technical = new(StringComparer.OrdinalIgnoreCase)
    {
        "major_brand", "minor_version", "compatible_brands", "creation_time", "encoder", "handler_name", "vendor_id",
        "language", "duration", "timecode", "rotate", "stereo_mode", "encoding_tool", "alpha_mode",
        "bps", "number_of_frames", "number_of_bytes",
    };

    /// <summary>Every text of a clip, image or folder; names compare without regard to case and are given in lower case.</summary>
    /// <exception cref="MediaException">The file is missing, unreadable or holds no video or image.</exception>
    public static IReadOnlyDictionary<string, string> Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path))
        {
            return new Dictionary<string, string>(FolderManifest.Load(path).Metadata, StringComparer.OrdinalIgnoreCase);
        }

        using var source = LibavSource.OpenFile(path, new VideoReaderOptions { Threads = 1 });
        return source.Metadata();
    }

    /// <summary>Texts of a PNG or GIF from its bytes, of other containers from libavformat's tags.</summary>
    internal static Dictionary<string, string> Extract(Stream content, IReadOnlyDictionary<string, string> tags)
    {
        Span<byte> start = stackalloc byte[8];
        int length = content.ReadAtLeast(start, 8, throwOnEndOfStream: false);
        content.Position = 0;
        if (length >= 8 && start.SequenceEqual(PngChunks.Signature))
        {
            return PngChunks.ReadTexts(content);
        }

        if (length >= 6 && start[..4].SequenceEqual("GIF8"u8))
        {
            return GifComments.Read(content);
        }

        var texts = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, text) in tags)
        {
            if (!Technical.Contains(name))
            {
                texts[name.ToLowerInvariant()] = text;
            }
        }

        return texts;
    }

    /// <summary>The texts with names in lower case and in ordinal order, so that the same texts give the same bytes.</summary>
    /// <exception cref="MediaException">A name or text that not every container can carry.</exception>
    internal static List<KeyValuePair<string, string>> Validated(IEnumerable<KeyValuePair<string, string>> texts, string path)
    {
        var valid = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, text) in texts)
        {
            string key = name.ToLowerInvariant();
            if (key.Length is 0 or > 79 || !key.All(c => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '_' or '.' or '-'))
            {
                throw new MediaException(MediaErrorKind.InvalidArgument, $"{path}: metadata name \"{name}\" must be 1 to 79 of the characters a-z 0-9 _ . -", path);
            }

            if (Technical.Contains(key))
            {
                throw new MediaException(MediaErrorKind.InvalidArgument, $"{path}: metadata name \"{name}\" is used by containers themselves; choose another.", path);
            }

            if (text.Contains('\0', StringComparison.Ordinal) || !IsValidUnicode(text))
            {
                throw new MediaException(MediaErrorKind.InvalidArgument, $"{path}: the text of metadata \"{name}\" holds a NUL or half a surrogate pair, which no container can store.", path);
            }

            if (!valid.TryAdd(key, text))
            {
                throw new MediaException(MediaErrorKind.InvalidArgument, $"{path}: metadata name \"{name}\" is given twice; names do not differ by case.", path);
            }
        }

        return [.. valid];
    }

    private static bool IsValidUnicode(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                i++;
            }
            else if (char.IsSurrogate(text[i]))
            {
                return false;
            }
        }

        return true;
    }
}
