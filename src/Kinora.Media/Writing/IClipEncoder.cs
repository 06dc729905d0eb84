// One output format.
namespace Kinora.Media;

/// <summary>Turns frames into the content of a temporary file or folder.</summary>
internal interface IClipEncoder : IDisposable
{
    /// <summary>Takes the next frame, Width·Height·3 bytes.</summary>
    void Write(ReadOnlySpan<byte> rgb);

    /// <summary>Completes the content.</summary>
    void Finish();
}
