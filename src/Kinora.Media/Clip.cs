// A short clip held in memory.
namespace Kinora.Media;

/// <summary>Frames of one size shown at a constant rate, and the metadata stored with them.</summary>
public sealed class Clip
{
    /// <param name="frames">At least one frame; all of one size.</param>
    /// <param name="fps">Frames per second, positive.</param>
    /// <exception cref="ArgumentException">There is no frame, sizes differ, or the rate is not positive and finite.</exception>
    public Clip(IReadOnlyList<VideoFrame> frames, double fps)
        : this(frames, Rational.FromDouble(fps))
    {
    }

    /// <inheritdoc cref="Clip(IReadOnlyList{VideoFrame}, double)"/>
    public Clip(IReadOnlyList<VideoFrame> frames, Rational frameRate)
    {
        ArgumentNullException.ThrowIfNull(frames);
        if (frames.Count == 0)
        {
            throw new ArgumentException("Clip: a clip has at least one frame.", nameof(frames));
        }

        for (int i = 1; i < frames.Count; i++)
        {
            if (frames[i].Width != frames[0].Width || frames[i].Height != frames[0].Height)
            {
                throw new ArgumentException($"Clip: frame {i} is {frames[i].Width}×{frames[i].Height}, frame 0 is {frames[0].Width}×{frames[0].Height}; resize to one size first.", nameof(frames));
            }
        }

        if (frameRate.Numerator <= 0)
        {
            throw new ArgumentException($"Clip: the frame rate is {frameRate}; it must be positive.", nameof(frameRate));
        }

        Frames = frames;
        FrameRate = frameRate;
    }

    /// <summary>The frames in order of presentation.</summary>
    public IReadOnlyList<VideoFrame> Frames { get; }

    /// <summary>Frames per second, exact.</summary>
    public Rational FrameRate { get; }

    /// <summary>Frames per second.</summary>
    public double Fps => FrameRate.ToDouble();

    /// <summary>Pixels.</summary>
    public int Width => Frames[0].Width;

    /// <summary>Pixels.</summary>
    public int Height => Frames[0].Height;

    /// <summary>Number of frames over the rate.</summary>
    public TimeSpan Duration => (new Rational(Frames.Count, 1) / FrameRate).ToTimeSpan();

    /// <summary>UTF-8 texts by name, stored in the container by <see cref="Save"/> and restored by <see cref="Read"/>; names compare without regard to case.</summary>
    public IDictionary<string, string> Metadata { get; } = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Reads a whole clip, image or folder of frames into memory; the rate is the container's average.</summary>
    /// <exception cref="MediaException">The file is missing, unreadable, truncated or holds no video.</exception>
    public static Clip Read(string path, VideoReaderOptions? options = null)
    {
        using var reader = VideoReader.Open(path, options);
        return reader.ReadAll();
    }

    /// <summary>Writes the clip with its metadata; the format follows the name: .mp4, .webm, .gif, .png (one frame), or a folder.</summary>
    /// <exception cref="MediaException">The format cannot hold the clip, or the file cannot be written. Nothing is left behind.</exception>
    public void Save(string path, VideoWriterOptions? options = null)
    {
        options ??= new VideoWriterOptions();
        if (Metadata.Count > 0)
        {
            var merged = new Dictionary<string, string>(Metadata, StringComparer.OrdinalIgnoreCase);
            foreach (var (name, text) in options.Metadata)
            {
                merged[name] = text;
            }

            options = options with { Metadata = merged };
        }

        using var writer = VideoWriter.Create(path, Width, Height, FrameRate, options);
        foreach (var frame in Frames)
        {
            writer.Write(frame);
        }

        writer.Complete();
    }
}
