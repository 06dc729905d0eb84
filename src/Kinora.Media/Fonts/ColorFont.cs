// Color bitmap glyphs (CBDT/CBLC tables, as in Noto Color Emoji) of a font file, through FreeType.
using System.Runtime.InteropServices;

namespace Kinora.Media.Fonts;

/// <summary>A font whose glyphs are color pictures of one fixed size. Not safe for use by several threads at once.</summary>
public sealed unsafe class ColorFont : IDisposable
{
    /// <summary>Where Debian's package fonts-noto-color-emoji puts its font.</summary>
    public const string DebianEmojiPath = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf";

    private readonly string _path;
    private readonly FreeTypeLibrary _library;
    private readonly FreeType.Face* _face;

    private ColorFont(string path, FreeTypeLibrary library, FreeType.Face* face)
    {
        _path = path;
        _library = library;
        _face = face;
    }

    /// <summary>The family that the font declares.</summary>
    public string Family
    {
        get
        {
            ObjectDisposedException.ThrowIf(_library.IsClosed, this);
            return Marshal.PtrToStringUTF8((nint)_face->FamilyName) ?? "";
        }
    }

    /// <summary>Opens a font at its largest strike.</summary>
    /// <exception cref="MediaException">The file is missing or no font, has no color bitmaps, or libfreetype is not installed.</exception>
    public static ColorFont Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path))
        {
            throw new MediaException(MediaErrorKind.NotFound, $"{path}: there is no such font; install it with: apt-get install fonts-noto-color-emoji, or name another copy of NotoColorEmoji.ttf.", path);
        }

        var library = Start(path);
        bool opened = false;
        try
        {
            int error = FreeType.NewFace(library, path, 0, out var face);
            if (error != 0)
            {
                throw error == FreeType.CannotOpen
                    ? new MediaException(MediaErrorKind.AccessDenied, $"{path}: the font cannot be opened; check its permissions.", path)
                    : new MediaException(MediaErrorKind.NotMedia, $"{path}: not a font that FreeType reads (FreeType error {error}); expected a TrueType file with color bitmaps such as NotoColorEmoji.ttf.", path);
            }

            if ((face->FaceFlags & FreeType.FaceHasColor) == 0 || face->NumFixedSizes == 0)
            {
                throw new MediaException(MediaErrorKind.NotMedia, $"{path}: the font has no color bitmaps (CBDT table); expected Noto Color Emoji as packaged by Debian in fonts-noto-color-emoji.", path);
            }

            Check(FreeType.SelectSize(face, face->NumFixedSizes - 1), path, "selecting its largest strike");
            opened = true;
            return new ColorFont(path, library, face);
        }
        finally
        {
            if (!opened)
            {
                library.Dispose();
            }
        }
    }

    /// <summary>The picture of a Unicode code point.</summary>
    /// <exception cref="MediaException">The font has no color picture for it, or its data is damaged.</exception>
    public ColorGlyph Render(int codePoint)
    {
        ObjectDisposedException.ThrowIf(_library.IsClosed, this);
        uint index = FreeType.GetCharIndex(_face, (nuint)codePoint);
        if (index == 0)
        {
            throw new MediaException(MediaErrorKind.NotMedia, $"{_path}: the font has no glyph for U+{codePoint:X4}.", _path);
        }

        Check(FreeType.LoadGlyph(_face, index, FreeType.LoadColorBitmap), _path, $"rendering U+{codePoint:X4}");
        ref readonly var bitmap = ref _face->Glyph->Bitmap;
        if (bitmap.PixelMode != FreeType.PixelModeBgra)
        {
            throw new MediaException(MediaErrorKind.NotMedia, $"{_path}: the glyph for U+{codePoint:X4} is not in color.", _path);
        }

        var rgba = new byte[bitmap.Width * bitmap.Rows * 4];
        for (int y = 0, o = 0; y < bitmap.Rows; y++)
        {
            byte* bgra = bitmap.Buffer + ((long)y * bitmap.Pitch);
            for (int x = 0; x < bitmap.Width; x++, o += 4, bgra += 4)
            {
                (rgba[o], rgba[o + 1], rgba[o + 2], rgba[o + 3]) = (bgra[2], bgra[1], bgra[0], bgra[3]);
            }
        }

        return new ColorGlyph((int)bitmap.Width, (int)bitmap.Rows, rgba);
    }

    public void Dispose() => _library.Dispose();

    private static FreeTypeLibrary Start(string path)
    {
        try
        {
            Check(FreeType.InitFreeType(out var library), path, "starting FreeType");
            return library;
        }
        catch (DllNotFoundException e)
        {
            throw new MediaException(MediaErrorKind.NativeLibrary, "libfreetype.so.6 is not installed, and fonts are read with it: apt-get install libfreetype6.", path, e);
        }
    }

    private static void Check(int error, string path, string action)
    {
        if (error != 0)
        {
            throw new MediaException(MediaErrorKind.Corrupt, $"{path}: {action} failed (FreeType error {error}).", path);
        }
    }
}
