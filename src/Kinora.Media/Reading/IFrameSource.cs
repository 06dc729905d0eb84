// Where frames come from: a file through libav, or a folder of images.
namespace Kinora.Media;

/// <summary>Times of one decoded frame, in seconds.</summary>
internal readonly record struct FrameTimes(Rational Pts, Rational? Duration, bool IsKeyFrame);

/// <summary>A timeline of pictures with a cursor. Times are exact seconds.</summary>
internal interface IFrameSource : IDisposable
{
    VideoInfo Info { get; }

    int Width { get; }

    int Height { get; }

    /// <summary>Moves to the next frame; null at the end.</summary>
    FrameTimes? Advance();

    /// <summary>Times of the frame that <see cref="Advance"/> would give, leaving the current one; null at the end and before damage.</summary>
    FrameTimes? Peek();

    /// <summary>The current frame's pixels, Width·Height·3 bytes.</summary>
    void CopyPixels(Span<byte> rgb);

    /// <summary>The current frame's motion vectors.</summary>
    IReadOnlyList<MotionVector> MotionVectors();

    /// <summary>The texts stored in the container by <see cref="VideoWriter"/> or another tool.</summary>
    IReadOnlyDictionary<string, string> Metadata();

    /// <summary>Makes the frame on screen at a time the next one.</summary>
    void Seek(Rational time);
}
