// manifest.json of a folder of frames.
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Media;

/// <summary>What a folder of frames says about itself.</summary>
internal sealed record FolderManifest
{
    /// <summary>Name of the file in the folder.</summary>
    public const string FileName = "manifest.json";

    /// <summary>Value of <see cref="Format"/>.</summary>
    public const string FormatName = "kinora-frames";

    public required string Format { get; init; }

    public required int Width { get; init; }

    public required int Height { get; init; }

    /// <summary>Frames per second as <c>24</c> or <c>30000/1001</c>.</summary>
    public required string FrameRate { get; init; }

    /// <summary>File names in order of presentation.</summary>
    public required IReadOnlyList<string> Frames { get; init; }

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }

    /// <summary>Whether a folder was written by <see cref="VideoWriter"/>.</summary>
    public static bool Owns(string folder)
    {
        try
        {
            Load(folder);
            return true;
        }
        catch (MediaException)
        {
            return false;
        }
    }

    /// <exception cref="MediaException">The folder has no manifest, or the manifest is not one of a folder of frames.</exception>
    public static FolderManifest Load(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            throw new MediaException(MediaErrorKind.NotMedia, $"{folder}: is a folder without {FileName}; only folders of frames written by Kinora can be read as clips.", folder);
        }

        FolderManifest? manifest;
        try
        {
            using var stream = File.OpenRead(path);
            manifest = JsonSerializer.Deserialize(stream, FolderManifestJson.Default.FolderManifest);
        }
        catch (JsonException e)
        {
            throw new MediaException(MediaErrorKind.Corrupt, $"{path}: is not a manifest of frames: {e.Message}", folder, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MediaException(MediaErrorKind.AccessDenied, $"{path}: cannot be read: {e.Message}", folder, e);
        }

        if (manifest is null || manifest.Format != FormatName || manifest.Frames.Count == 0 || manifest.Width < 1 || manifest.Height < 1)
        {
            throw new MediaException(MediaErrorKind.Corrupt, $"{path}: \"format\" is not \"{FormatName}\", or it lists no frames.", folder);
        }

        // A manifest names files of its own folder only.
        if (manifest.Frames.FirstOrDefault(name => name != Path.GetFileName(name) || name is "." or "..") is { } foreign)
        {
            throw new MediaException(MediaErrorKind.Corrupt, $"{path}: frame \"{foreign}\" is not a file name in this folder.", folder);
        }

        manifest.Rate(path);
        return manifest;
    }

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, FolderManifestJson.Default.FolderManifest);

    /// <exception cref="MediaException">The rate is not a positive fraction.</exception>
    public Rational Rate(string path)
    {
        string[] parts = FrameRate.Split('/');
        var culture = System.Globalization.CultureInfo.InvariantCulture;
        if (parts.Length is 1 or 2
            && long.TryParse(parts[0], culture, out long numerator) && numerator > 0
            && long.TryParse(parts.Length == 2 ? parts[1] : "1", culture, out long denominator) && denominator > 0)
        {
            return new Rational(numerator, denominator);
        }

        throw new MediaException(MediaErrorKind.Corrupt, $"{path}: frame_rate is \"{FrameRate}\"; expected a positive number or fraction such as 30000/1001.", path);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, NewLine = "\n")]
[JsonSerializable(typeof(FolderManifest))]
internal sealed partial class FolderManifestJson : JsonSerializerContext;
