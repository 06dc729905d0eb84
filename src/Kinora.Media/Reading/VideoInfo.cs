// What a container says about its video stream before anything is decoded.
namespace Kinora.Media;

/// <summary>Facts about a clip, as the container states them. Names are those of libavformat and libavcodec.</summary>
public sealed record VideoInfo
{
    /// <summary>Demuxer names, such as <c>mov,mp4,m4a,3gp,3g2,mj2</c>; <c>folder</c> for a folder of frames.</summary>
    public required string Container { get; init; }

    /// <summary>Codec name, such as <c>h264</c>.</summary>
    public required string Codec { get; init; }

    /// <summary>Width of the coded picture in pixels, before rotation.</summary>
    public required int Width { get; init; }

    /// <summary>Height of the coded picture in pixels, before rotation.</summary>
    public required int Height { get; init; }

    /// <summary>Width : height of one pixel; 1 when unknown.</summary>
    public Rational SampleAspectRatio { get; init; } = new(1, 1);

    /// <summary>Clockwise turn that the display matrix asks for: 0, 90, 180 or 270 degrees.</summary>
    public int Rotation { get; init; }

    /// <summary>Whether the display matrix mirrors the picture left to right before turning it.</summary>
    public bool Mirrored { get; init; }

    /// <summary>Frames over duration, frames per second; zero when unknown.</summary>
    public Rational AverageFrameRate { get; init; }

    /// <summary>The lowest rate at which every time stamp is on the grid (libavformat's guess), frames per second; zero when unknown.</summary>
    public Rational RealFrameRate { get; init; }

    /// <summary>Unit of the stream's time stamps in seconds.</summary>
    public Rational TimeBase { get; init; }

    /// <summary>Duration of the video stream, or of the container when the stream does not say; null when neither does.</summary>
    public TimeSpan? Duration { get; init; }

    /// <summary>Presentation time at which the video stream starts; null when unknown.</summary>
    public TimeSpan? StartTime { get; init; }

    /// <summary>Number of frames: the container's count if it has one, else duration times average rate; 0 when unknown.</summary>
    public long FrameCount { get; init; }

    /// <summary>Whether <see cref="FrameCount"/> is the container's own count.</summary>
    public bool FrameCountIsExact { get; init; }

    /// <summary>Pixel format name, such as <c>yuv420p</c>.</summary>
    public string PixelFormat { get; init; } = "";

    /// <summary>Bits per sample of the pixel format.</summary>
    public int BitDepth { get; init; }

    /// <summary>Whether pictures carry transparency (composited over black by the reader).</summary>
    public bool HasAlpha { get; init; }

    /// <summary>Range name: <c>tv</c>, <c>pc</c> or <c>unknown</c>.</summary>
    public string ColorRange { get; init; } = "";

    /// <summary>Matrix name: <c>bt709</c>, <c>smpte170m</c>, … or <c>unknown</c>.</summary>
    public string ColorSpace { get; init; } = "";

    /// <summary>Primaries name or <c>unknown</c>.</summary>
    public string ColorPrimaries { get; init; } = "";

    /// <summary>Transfer characteristic name or <c>unknown</c>.</summary>
    public string ColorTransfer { get; init; } = "";

    /// <summary>Whether the container has an audio stream.</summary>
    public bool HasAudio { get; init; }

    /// <summary>Number of video streams in the container.</summary>
    public int VideoStreams { get; init; } = 1;

    /// <summary>Index of the stream described here.</summary>
    public int StreamIndex { get; init; }

    /// <summary>Bits per second of the container; 0 when unknown.</summary>
    public long BitRate { get; init; }

    /// <summary>Container and stream tags; names compare without regard to case.</summary>
    public IReadOnlyDictionary<string, string> Tags { get; init; } = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
}
