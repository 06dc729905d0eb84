using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

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
public sealed unsafe partial class LineReader : IDisposable
{
    /// <summary>The language of which <c>kinora setup</c> brings the data.</summary>
    public const string DefaultLanguage = "eng";

    private const int Capacity = 64, NotBuilt = 5, MissingData = 4;
    private readonly OcrHandle _ocr;

    private LineReader(OcrHandle ocr, IReadOnlyList<string> dataFiles)
    {
        _ocr = ocr;
        DataFiles = dataFiles;
    }

    /// <summary>The files of the languages' data, in the order of the languages.</summary>
    public IReadOnlyList<string> DataFiles { get; }

    /// <summary>Whether a text has the form of Tesseract's names of languages: <c>eng</c>, <c>chi_sim</c>, several with + between them.</summary>
    public static bool IsLanguage(string? text) => text is not null && Languages().IsMatch(text);

    /// <summary>Opens a reader, or says why there is none and what to do.</summary>
    /// <param name="language">Tesseract's name of the language, such as <c>eng</c>, or several, such as <c>eng+deu</c>; see <see cref="IsLanguage"/>.</param>
    /// <param name="unavailable">Why there is no reader; null when there is one.</param>
    /// <param name="folder">Where the language's data lies; null = Tesseract's own place.</param>
    public static LineReader? Open(string language, out string? unavailable, string? folder = null)
    {
        if (!IsLanguage(language)) { throw new ArgumentException($"line reader: expected names of languages such as eng or eng+deu, got \"{language}\".", nameof(language)); }
        if (VisionLibrary.Unavailable is { } reason)
        {
            unavailable = reason;
            return null;
        }
        string[] names = language.Split('+');
        int status = NativeMethods.kv_ocr_open(folder, language, out OcrHandle handle);
        unavailable = status switch
        {
            0 => null,
            NotBuilt => "the vision library was built without Tesseract: install libtesseract-dev tesseract-ocr-eng and run \"kinora setup --force\"",
            MissingData => $"{VisionLibrary.LastError}: install {string.Join(' ', names.Select(PackageOf))}",
            _ => VisionLibrary.LastError,
        };
        if (unavailable is not null)
        {
            handle.Dispose();
            return null;
        }
        string data = VisionLibrary.Text(NativeMethods.kv_ocr_folder(handle));
        string[] files = [.. names.Select(name => Path.Combine(data, $"{name}.traineddata"))];
        // Tesseract passes over all but the first silently.
        string[] missing = [.. names.Where((_, i) => !File.Exists(files[i]))];
        if (missing.Length > 0)
        {
            unavailable = $"Tesseract found no data of language {string.Join(", ", missing)} in {data}: install {string.Join(' ', missing.Select(PackageOf))}";
            handle.Dispose();
            return null;
        }
        return new LineReader(handle, files);
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

    // Debian's names: chi_sim is in tesseract-ocr-chi-sim.
    private static string PackageOf(string language) => $"tesseract-ocr-{language.Replace('_', '-')}";

    [GeneratedRegex(@"^[a-z]{3}(_[a-z]+)*(\+[a-z]{3}(_[a-z]+)*)*\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Languages();
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
