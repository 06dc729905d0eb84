// 8-bit floating point, as weights are stored: value tables for every byte.
// Source: Micikevicius et al., "FP8 formats for deep learning", arXiv:2209.05433, table 1. E4M3 has no infinity and one NaN per sign;
//         E5M2 follows IEEE 754.

namespace Kinora.Engine.Checkpoints;

internal static class Float8
{
    /// <summary>Value of each E4M3 byte: bias 7, largest 448.</summary>
    public static readonly float[] E4M3 = Table(exponentBits: 4, mantissaBits: 3, bias: 7, hasInfinity: false);

    /// <summary>Value of each E5M2 byte: bias 15, largest 57344.</summary>
    public static readonly float[] E5M2 = Table(exponentBits: 5, mantissaBits: 2, bias: 15, hasInfinity: true);

    private static float[] Table(int exponentBits, int mantissaBits, int bias, bool hasInfinity)
    {
        var values = new float[256];
        int topExponent = (1 << exponentBits) - 1;
        int topMantissa = (1 << mantissaBits) - 1;
        for (int code = 0; code < 256; code++)
        {
            int exponent = (code >> mantissaBits) & topExponent;
            int mantissa = code & topMantissa;
            double magnitude = exponent == 0
                ? Math.ScaleB(mantissa, 1 - bias - mantissaBits)
                : Math.ScaleB(mantissa + (1 << mantissaBits), exponent - bias - mantissaBits);
            if (exponent == topExponent && hasInfinity)
            {
                magnitude = mantissa == 0 ? double.PositiveInfinity : double.NaN;
            }
            else if (exponent == topExponent && mantissa == topMantissa)
            {
                magnitude = double.NaN;
            }
            values[code] = (float)(code >= 128 ? -magnitude : magnitude);
        }
        return values;
    }
}
