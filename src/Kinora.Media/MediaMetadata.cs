namespace Kinora.Media;

/// <summary>Texts stored in the container of a clip or image.</summary>
public static class MediaMetadata
{
    /// <summary>The name under which a generated clip carries its manifest JSON.</summary>
    public const string ManifestKey = "kinora";

    /// <summary>Every text of a clip, image or folder; names compare without regard to case.</summary>
    public static IReadOnlyDictionary<string, string> Read(string path) => throw new NotImplementedException();
}
