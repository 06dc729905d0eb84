using System.Runtime.InteropServices;

namespace Kinora.Vision;

/// <summary>A word that was read.</summary>
/// <param name="Text">What it says.</param>
/// <param name="Confidence">0..100, as Tesseract judges itself.</param>
/// <param name="X">Left, pixels of the picture that was read.</param>
/// <param name="Y">Top.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
public sealed record TextWord(string Text, double Confidence, int X, int Y, int Width, int Height);

/// <summary>Reads lines of text by Tesseract. One thread at a time.</summary>
public sealed unsafe class LineReader : IDisposable
{
    private const int Capacity = 64, NotBuilt = 5, MissingData = 4;
    private readonly OcrHandle _ocr;

    private LineReader(OcrHandle ocr, string dataFile)
    {
        _ocr = ocr;
        DataFile = dataFile;
    }

    /// <summary>The file of the language's data.</summary>
    public string DataFile { get; }

    /// <summary>Opens a reader, or says why there is none and what to do.</summary>
    /// <param name="language">Tesseract's name of the language, such as <c>eng</c>.</param>
    /// <param name="unavailable">Why there is no reader; null when there is one.</param>
    /// <param name="folder">Where the language's data lies; null = Tesseract's own place.</param>
    public static LineReader? Open(string language, out string? unavailable, string? folder = null)
    {
        if (VisionLibrary.Unavailable is { } reason)
        {
            unavailable = reason;
            return null;
        }
        int status = NativeMethods.kv_ocr_open(folder, language, out OcrHandle handle);
        unavailable = status switch
        {
            0 => null,
            NotBuilt => "the vision library was built without Tesseract: install libtesseract-dev tesseract-ocr-eng and run \"kinora setup --force\"",
            MissingData => $"{VisionLibrary.LastError}: install tesseract-ocr-{language}",
            _ => VisionLibrary.LastError,
        };
        if (unavailable is not null)
        {
            handle.Dispose();
            return null;
        }
        return new LineReader(handle, Path.Combine(VisionLibrary.Text(NativeMethods.kv_ocr_folder(handle)), $"{language}.traineddata"));
    }

    /// <summary>Reads one line of dark text on bright ground.</summary>
    /// <param name="gray">Width·height gray levels; letters of 25 to 40 pixels are read best.</param>
    /// <param name="width">Pixels.</param>
    /// <exception cref="VisionException">Tesseract failed.</exception>
    public IReadOnlyList<TextWord> Read(ReadOnlySpan<byte> gray, int width)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        int height = gray.Length / width, count = 0;
        if (gray.Length != width * height || height == 0) { throw new ArgumentException($"line reader: {gray.Length} samples are no whole rows of {width}.", nameof(gray)); }
        var words = new WordNative[Capacity];
        fixed (byte* picture = gray)
        fixed (WordNative* result = words)
        {
            VisionLibrary.Check(NativeMethods.kv_ocr_line(_ocr, picture, width, height, result, Capacity, &count), "reading text");
            var read = new List<TextWord>(count);
            for (int i = 0; i < count; i++)
            {
                WordNative* word = result + i;
                read.Add(new TextWord(Marshal.PtrToStringUTF8((nint)word->Text) ?? "", word->Confidence, word->X, word->Y, word->Width, word->Height));
            }
            return read;
        }
    }

    /// <summary>Frees Tesseract.</summary>
    public void Dispose() => _ocr.Dispose();
}

internal sealed class OcrHandle() : SafeHandle(0, ownsHandle: true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        NativeMethods.kv_ocr_close(handle);
        return true;
    }
}
