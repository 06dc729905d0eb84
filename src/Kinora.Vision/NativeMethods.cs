using System.Runtime.InteropServices;

namespace Kinora.Vision;

/// <summary>Signatures as in kinora_vision.h; <see cref="VisionLibrary"/> loads the library.</summary>
internal static unsafe partial class NativeMethods
{
    public const string Library = "kinora_vision";
    public const int AbiVersion = 2;

    [LibraryImport(Library)]
    public static partial int kv_abi_version();

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int setenv(string name, string value, int overwrite);

    [LibraryImport(Library)]
    public static partial byte* kv_last_error();

    [LibraryImport(Library)]
    public static partial byte* kv_build_info();

    [LibraryImport(Library)]
    public static partial int kv_flow_farneback(byte* a, byte* b, int width, int height, FarnebackNative* options, float* flow);

    [LibraryImport(Library)]
    public static partial int kv_flow_dis(byte* a, byte* b, int width, int height, int preset, float* flow);

    [LibraryImport(Library)]
    public static partial int kv_text_find(byte* gray, int width, int height, LineNative* lines, int capacity, int* count);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int kv_ocr_open(string? folder, string language, out OcrHandle ocr);

    [LibraryImport(Library)]
    public static partial void kv_ocr_close(nint ocr);

    [LibraryImport(Library)]
    public static partial byte* kv_ocr_folder(OcrHandle ocr);

    [LibraryImport(Library)]
    public static partial int kv_ocr_line(OcrHandle ocr, byte* gray, int width, int height, WordNative* words, int capacity, int* count);
}

[StructLayout(LayoutKind.Sequential)]
internal struct LineNative
{
    public int X;
    public int Y;
    public int Width;
    public int Height;
    public int Bright;
    public float Letters;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct WordNative
{
    public int X;
    public int Y;
    public int Width;
    public int Height;
    public float Confidence;
    public fixed byte Text[64];
}

[StructLayout(LayoutKind.Sequential)]
internal struct FarnebackNative
{
    public double PyramidScale;
    public double PolySigma;
    public int Levels;
    public int Window;
    public int Iterations;
    public int PolyN;
    public int Gaussian;
    public int Reserved;
}
