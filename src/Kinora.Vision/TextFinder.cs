namespace Kinora.Vision;

/// <summary>A line that looks like text.</summary>
/// <param name="X">Left, pixels.</param>
/// <param name="Y">Top.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Bright">Brighter than what is around it.</param>
/// <param name="Letters">Shapes on its base line.</param>
public readonly record struct TextLine(int X, int Y, int Width, int Height, bool Bright, double Letters);

/// <summary>Finds lines of text by the shapes of letters; needs no weights. It proposes: what is text, a reader has to say.</summary>
public static unsafe class TextFinder
{
    private const int Capacity = 256;

    /// <summary>The lines of a gray picture, those with most letters first; letters of at least 6 pixels, and at most half the picture.</summary>
    /// <param name="gray">Width·height gray levels.</param>
    /// <param name="width">Pixels.</param>
    /// <exception cref="VisionException">The library is unavailable.</exception>
    public static IReadOnlyList<TextLine> Find(ReadOnlySpan<byte> gray, int width)
    {
        VisionLibrary.EnsureLoaded();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        int height = gray.Length / width, count = 0;
        if (gray.Length != width * height) { throw new ArgumentException($"text finder: {gray.Length} samples are no whole rows of {width}.", nameof(gray)); }
        var lines = new LineNative[Capacity];
        fixed (byte* picture = gray)
        fixed (LineNative* result = lines) { VisionLibrary.Check(NativeMethods.kv_text_find(picture, width, height, result, Capacity, &count), "finding text"); }
        return [.. lines.Take(count).Select(l => new TextLine(l.X, l.Y, l.Width, l.Height, l.Bright != 0, l.Letters))];
    }
}
