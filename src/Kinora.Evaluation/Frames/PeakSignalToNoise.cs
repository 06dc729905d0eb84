// PSNR = 10 log₁₀(255² / mean squared difference), over all channels of 8-bit pictures.

namespace Kinora.Evaluation.Frames;

/// <summary>Distances of bytes.</summary>
public static class PeakSignalToNoise
{
    private const double Peak = 255;

    /// <summary>Mean squared difference, 0..65025.</summary>
    public static double MeanSquare(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        if (a.Length != b.Length || a.IsEmpty)
            throw new EvaluationException($"two pictures of equal size are needed, got {a.Length} and {b.Length} bytes.");
        long sum = 0;
        for (int i = 0; i < a.Length; i++)
        {
            int d = a[i] - b[i];
            sum += d * d;
        }
        return (double)sum / a.Length;
    }

    /// <summary>Mean absolute difference, 0..255.</summary>
    public static double MeanAbsolute(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        if (a.Length != b.Length || a.IsEmpty)
            throw new EvaluationException($"two pictures of equal size are needed, got {a.Length} and {b.Length} bytes.");
        long sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += Math.Abs(a[i] - b[i]);
        return (double)sum / a.Length;
    }

    /// <summary>In dB; infinite for equal pictures.</summary>
    public static double Of(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b) => 10 * Math.Log10(Peak * Peak / MeanSquare(a, b));
}
