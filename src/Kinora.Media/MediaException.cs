// The one exception of this assembly: what went wrong with which file, when in it, and how much was read before.
namespace Kinora.Media;

/// <summary>Why a media operation failed; decides the exit code and the remedy a caller offers.</summary>
public enum MediaErrorKind
{
    /// <summary>The file or folder does not exist.</summary>
    NotFound,

    /// <summary>The file exists but may not be read, or its folder may not be written.</summary>
    AccessDenied,

    /// <summary>The content is not a clip or image that libavformat knows, or holds no video.</summary>
    NotMedia,

    /// <summary>The content breaks off before its declared end.</summary>
    Truncated,

    /// <summary>The content contradicts its own format.</summary>
    Corrupt,

    /// <summary>A size, rate, time or option that the format cannot express.</summary>
    InvalidArgument,

    /// <summary>The installed libavcodec lacks the needed codec.</summary>
    MissingCodec,

    /// <summary>No space is left on the device, or a quota or file size limit is reached.</summary>
    DiskFull,

    /// <summary>The operating system reported another read or write error.</summary>
    IO,

    /// <summary>libkinora_media.so is missing or of another version.</summary>
    NativeLibrary,

    /// <summary>Out of memory or a defect of this library.</summary>
    Internal,
}

/// <summary>A media file could not be read or written. The message names the file, the cause and the remedy.</summary>
public sealed class MediaException : Exception
{
    public MediaException(MediaErrorKind kind, string message, string? path = null, Exception? innerException = null)
        : base(message, innerException)
    {
        Kind = kind;
        Path = path;
    }

    public MediaException()
        : this(MediaErrorKind.Internal, "A media operation failed.")
    {
    }

    public MediaException(string message)
        : this(MediaErrorKind.Internal, message)
    {
    }

    public MediaException(string message, Exception innerException)
        : this(MediaErrorKind.Internal, message, null, innerException)
    {
    }

    /// <summary>The class of failure.</summary>
    public MediaErrorKind Kind { get; }

    /// <summary>The file or folder concerned, or the name given for content in memory.</summary>
    public string? Path { get; }

    /// <summary>Presentation time of the last good frame before the failure; null when there was none.</summary>
    public TimeSpan? Time { get; init; }

    /// <summary>Frames decoded by this reader, or accepted by this writer, before the failure.</summary>
    public long Frames { get; init; }
}
