// The few calls and fields of FreeType 2 that color bitmap glyphs need. freetype/freetype.h, version 2.5 or later.
// Layouts are those of 64-bit Linux, where FT_Long, FT_Pos and FT_Fixed are 64 bits wide.
using System.Runtime.InteropServices;

namespace Kinora.Media.Fonts;

/// <summary>An FT_Library; destroying it destroys every face opened with it.</summary>
internal sealed class FreeTypeLibrary() : SafeHandle(0, ownsHandle: true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => FreeType.DoneFreeType(handle) == 0;
}

internal static unsafe partial class FreeType
{
    /// <summary>FT_LOAD_RENDER | FT_LOAD_COLOR.</summary>
    public const int LoadColorBitmap = (1 << 2) | (1 << 20);

    /// <summary>FT_PIXEL_MODE_BGRA: sRGB, premultiplied.</summary>
    public const byte PixelModeBgra = 7;

    /// <summary>FT_Err_Cannot_Open_Resource.</summary>
    public const int CannotOpen = 1;

    /// <summary>FT_FACE_FLAG_COLOR.</summary>
    public const long FaceHasColor = 1 << 14;

    private const string Library = "libfreetype.so.6";

    [LibraryImport(Library, EntryPoint = "FT_Init_FreeType")]
    public static partial int InitFreeType(out FreeTypeLibrary library);

    [LibraryImport(Library, EntryPoint = "FT_Done_FreeType")]
    public static partial int DoneFreeType(nint library);

    [LibraryImport(Library, EntryPoint = "FT_New_Face", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int NewFace(FreeTypeLibrary library, string path, nint index, out Face* face);

    [LibraryImport(Library, EntryPoint = "FT_Select_Size")]
    public static partial int SelectSize(Face* face, int strike);

    [LibraryImport(Library, EntryPoint = "FT_Get_Char_Index")]
    public static partial uint GetCharIndex(Face* face, nuint codePoint);

    [LibraryImport(Library, EntryPoint = "FT_Load_Glyph")]
    public static partial int LoadGlyph(Face* face, uint glyph, int flags);

    /// <summary>FT_FaceRec up to its glyph slot.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Face
    {
        public nint NumFaces, FaceIndex, FaceFlags, StyleFlags, NumGlyphs;
        public byte* FamilyName, StyleName;
        public int NumFixedSizes;
        public nint AvailableSizes;
        public int NumCharmaps;
        public nint Charmaps, GenericData, GenericFinalizer, XMin, YMin, XMax, YMax;
        public ushort UnitsPerEm;
        public short Ascender, Descender, Height, MaxAdvanceWidth, MaxAdvanceHeight, UnderlinePosition, UnderlineThickness;
        public GlyphSlot* Glyph;
    }

    /// <summary>FT_GlyphSlotRec up to its bitmap.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct GlyphSlot
    {
        public nint Library, Face, Next;
        public uint GlyphIndex;
        public nint GenericData, GenericFinalizer;
        public nint MetricsWidth, MetricsHeight, HoriBearingX, HoriBearingY, HoriAdvance, VertBearingX, VertBearingY, VertAdvance;
        public nint LinearHoriAdvance, LinearVertAdvance, AdvanceX, AdvanceY;
        public int Format;
        public Bitmap Bitmap;
    }

    /// <summary>FT_Bitmap.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Bitmap
    {
        public uint Rows, Width;
        public int Pitch;
        public byte* Buffer;
        public ushort NumGrays;
        public byte PixelMode, PaletteMode;
        public nint Palette;
    }
}
