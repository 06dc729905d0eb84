using System.Runtime.InteropServices;

namespace Kinora.Vision;

/// <summary>Signatures as in kinora_vision.h; <see cref="VisionLibrary"/> loads the library.</summary>
internal static unsafe partial class NativeMethods
{
    public const string Library = "kinora_vision";
    public const int AbiVersion = 1;

    [LibraryImport(Library)]
    public static partial int kv_abi_version();

    [LibraryImport(Library)]
    public static partial byte* kv_last_error();

    [LibraryImport(Library)]
    public static partial byte* kv_build_info();

    [LibraryImport(Library)]
    public static partial int kv_flow_farneback(byte* a, byte* b, int width, int height, FarnebackNative* options, float* flow);

    [LibraryImport(Library)]
    public static partial int kv_flow_dis(byte* a, byte* b, int width, int height, int preset, float* flow);
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
