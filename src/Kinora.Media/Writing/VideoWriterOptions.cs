// How a clip is written.
namespace Kinora.Media;

/// <summary>What a clip is written as.</summary>
public enum VideoFormat
{
    /// <summary>By the name: .mp4, .webm, .gif, .png; a name without extension, or an existing folder, is a folder of frames.</summary>
    Auto,

    /// <summary>MP4 with H.264 (libx264), 4:2:0, index first.</summary>
    Mp4,

    /// <summary>WebM with VP9 (libvpx), 4:2:0.</summary>
    WebM,

    /// <summary>Animated GIF, one palette of up to 256 colors for the clip, error diffusion.</summary>
    Gif,

    /// <summary>One PNG image: a clip of one frame.</summary>
    Png,

    /// <summary>A folder of numbered PNG images with manifest.json.</summary>
    Folder,
}

/// <summary>Options of <see cref="VideoWriter.Create(string, int, int, double, VideoWriterOptions?)"/>.</summary>
public sealed record VideoWriterOptions
{
    /// <summary>The format; by default the name decides.</summary>
    public VideoFormat Format { get; init; }

    /// <summary>
    /// Constant quality of the lossy video codecs, lower is better: 0 to 51 for H.264 (default 16, visually transparent),
    /// 0 to 63 for VP9 (default 24). Null takes the default.
    /// </summary>
    public int? Quality { get; init; }

    /// <summary>Effort: an x264 preset name (<c>ultrafast</c> … <c>veryslow</c>); VP9 maps it to cpu-used 8 … 0.</summary>
    public string Preset { get; init; } = "medium";

    /// <summary>Store every sample exactly (H.264 High 4:4:4 Predictive or VP9 profile 1 in RGB; few browsers play the former). PNG always does; GIF cannot.</summary>
    public bool Lossless { get; init; }

    /// <summary>Error diffusion of GIF; without it colors are only rounded to the palette.</summary>
    public bool Dither { get; init; } = true;

    /// <summary>
    /// UTF-8 texts to store in the container, such as the generation manifest under <see cref="MediaMetadata.ManifestKey"/>.
    /// Names are 1 to 79 of the characters a–z 0–9 _ . - and compare without regard to case; texts hold no NUL.
    /// </summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
}
