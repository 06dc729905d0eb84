// How a clip is turned into RGB frames.
namespace Kinora.Media;

/// <summary>How pictures are resampled.</summary>
public enum ScaleFilter
{
    /// <summary>Bicubic: sharp, right for enlarging and mild shrinking.</summary>
    Bicubic,

    /// <summary>Area average: no aliasing, right for shrinking by 2 and more.</summary>
    Area,

    /// <summary>Bilinear: fastest.</summary>
    Bilinear,

    /// <summary>Lanczos with three lobes.</summary>
    Lanczos,
}

/// <summary>Options of <see cref="VideoReader.Open(string, VideoReaderOptions?)"/>.</summary>
public sealed record VideoReaderOptions
{
    /// <summary>Width of the frames handed out, after rotation; 0 keeps the clip's own, or follows <see cref="Height"/> by aspect.</summary>
    public int Width { get; init; }

    /// <summary>Height of the frames handed out, after rotation; 0 keeps the clip's own, or follows <see cref="Width"/> by aspect.</summary>
    public int Height { get; init; }

    /// <summary>Filter used when the size changes.</summary>
    public ScaleFilter Filter { get; init; } = ScaleFilter.Bicubic;

    /// <summary>Turn and mirror pictures as the container's display matrix asks.</summary>
    public bool ApplyRotation { get; init; } = true;

    /// <summary>Stretch pictures whose pixels are not square to their display width (sample aspect ratio).</summary>
    public bool SquarePixels { get; init; }

    /// <summary>Decoder threads; 0 = as many as this process may use, 1 = none beside the caller's.</summary>
    public int Threads { get; init; }

    /// <summary>Export the codec's motion vectors with each frame.</summary>
    public bool MotionVectors { get; init; }

    /// <summary>Index of the stream in the container; −1 takes the best video stream.</summary>
    public int StreamIndex { get; init; } = -1;
}
