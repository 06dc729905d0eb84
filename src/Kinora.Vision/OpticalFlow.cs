// Dense optical flow by OpenCV's implementations.
//     Farnebäck, "Two-frame motion estimation based on polynomial expansion", SCIA 2003
//     Kroeger, Timofte, Dai and Van Gool, "Fast optical flow using dense inverse search", ECCV 2016 (DIS)
namespace Kinora.Vision;

/// <summary>Parameters of Farnebäck's method, named and ordered as in OpenCV.</summary>
/// <param name="PyramidScale">Size of a level relative to the one below, 0..1.</param>
/// <param name="Levels">Pyramid levels, the picture included.</param>
/// <param name="Window">Averaging window in pixels.</param>
/// <param name="Iterations">On each level.</param>
/// <param name="PolyN">Neighborhood of the polynomials, 5 or 7.</param>
/// <param name="PolySigma">Width of the Gaussian that smooths derivatives.</param>
/// <param name="Gaussian">A Gaussian window instead of a box.</param>
public sealed record FarnebackOptions(double PyramidScale, int Levels, int Window, int Iterations, int PolyN, double PolySigma, bool Gaussian = false)
{
    /// <summary>What Data-Juicer measures motion with (ops/filter/video_motion_score_filter.py).</summary>
    public static FarnebackOptions DataJuicer { get; } = new(0.5, 3, 15, 3, 5, 1.2);
}

/// <summary>Presets of DIS: speed for accuracy.</summary>
public enum DisPreset
{
    UltraFast = 0,
    Fast = 1,
    Medium = 2,
}

/// <summary>Flow between two 8-bit gray pictures: dx, dy of each pixel in rows, in pixels. Each call runs on its thread alone.</summary>
public static unsafe class OpticalFlow
{
    /// <summary>Farnebäck's flow from <paramref name="a"/> to <paramref name="b"/>.</summary>
    /// <param name="a">Width·height gray levels.</param>
    /// <param name="b">As many.</param>
    /// <param name="width">Pixels, at least 2.</param>
    /// <param name="options">Parameters.</param>
    /// <param name="flow">Takes 2·width·height numbers.</param>
    /// <exception cref="VisionException">The library is unavailable, or refuses the parameters.</exception>
    public static void Farneback(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, int width, FarnebackOptions options, Span<float> flow)
    {
        ArgumentNullException.ThrowIfNull(options);
        int height = HeightOf(a, b, width, flow);
        var native = new FarnebackNative { PyramidScale = options.PyramidScale, Levels = options.Levels, Window = options.Window, Iterations = options.Iterations, PolyN = options.PolyN, PolySigma = options.PolySigma, Gaussian = options.Gaussian ? 1 : 0 };
        fixed (byte* pa = a, pb = b)
        fixed (float* pf = flow) { VisionLibrary.Check(NativeMethods.kv_flow_farneback(pa, pb, width, height, &native, pf), "optical flow by Farnebäck"); }
    }

    /// <summary>DIS flow from <paramref name="a"/> to <paramref name="b"/>.</summary>
    /// <param name="a">Width·height gray levels.</param>
    /// <param name="b">As many.</param>
    /// <param name="width">Pixels; both sides at least 16.</param>
    /// <param name="preset">Speed for accuracy.</param>
    /// <param name="flow">Takes 2·width·height numbers.</param>
    /// <exception cref="VisionException">The library is unavailable, or the picture is too small.</exception>
    public static void Dis(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, int width, DisPreset preset, Span<float> flow)
    {
        int height = HeightOf(a, b, width, flow);
        fixed (byte* pa = a, pb = b)
        fixed (float* pf = flow) { VisionLibrary.Check(NativeMethods.kv_flow_dis(pa, pb, width, height, (int)preset, pf), "optical flow by DIS"); }
    }

    private static int HeightOf(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, int width, Span<float> flow)
    {
        VisionLibrary.EnsureLoaded();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        int height = a.Length / width;
        return a.Length == width * height && b.Length == a.Length && flow.Length == 2 * a.Length ? height
            : throw new ArgumentException($"optical flow: pictures {width} pixels wide of {a.Length} and {b.Length} samples, {flow.Length} numbers for the flow; expected equal pictures of whole rows and twice as many numbers.", nameof(flow));
    }
}
