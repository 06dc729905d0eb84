namespace Kinora.Vision;

/// <summary>The native vision library is missing, of another version, or failed.</summary>
public sealed class VisionException : Exception
{
    public VisionException()
    {
    }

    public VisionException(string message) : base(message)
    {
    }

    public VisionException(string message, Exception innerException) : base(message, innerException)
    {
    }
}
