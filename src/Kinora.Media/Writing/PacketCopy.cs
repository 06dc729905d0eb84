// A part of a video as it was coded: packets are copied, nothing is decoded or encoded.
namespace Kinora.Media;

/// <summary>What was copied.</summary>
/// <param name="First">Presentation time of the first frame on the source's clock, seconds.</param>
/// <param name="Last">Presentation time of the last frame.</param>
/// <param name="Frames">Number of frames; 0 when no key frame lies in the range, and then there is no file.</param>
public readonly record struct CopiedPackets(Rational First, Rational Last, int Frames);

/// <summary>Cuts without coding anew, where the coder left key frames to cut at.</summary>
public static class PacketCopy
{
    /// <summary>
    /// Writes the frames shown in [start, end) into an MP4 file that begins at 0, from the first key frame on. It begins later than
    /// asked for unless a key frame stands there, and may lack a few frames before the end whose packets need later ones.
    /// </summary>
    /// <param name="path">The video.</param>
    /// <param name="start">Seconds on its clock.</param>
    /// <param name="end">Seconds on its clock.</param>
    /// <param name="target">The file; it appears when it is complete.</param>
    /// <exception cref="MediaException">The video cannot be read, or MP4 cannot hold its codec, or the file cannot be written.</exception>
    public static CopiedPackets Write(string path, Rational start, Rational end, string target)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var file = AtomicTarget.File(target);
        using var source = LibavSource.OpenFile(path, new VideoReaderOptions { Threads = 1 });
        CopiedPackets copied = source.CopyPackets(start, end, file.TemporaryPath);
        if (copied.Frames > 0) { file.Commit(); }
        return copied;
    }
}
