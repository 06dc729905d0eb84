// 8-bit floating point, as weights are stored: value tables for every byte, and rounding to E4M3.
// Source: Micikevicius et al., "FP8 formats for deep learning", arXiv:2209.05433, table 1. E4M3 has no infinity and one NaN per sign;
//         E5M2 follows IEEE 754.

namespace Kinora.Engine.Checkpoints;

internal static class Float8
{
    /// <summary>Value of each E4M3 byte: bias 7, largest 448.</summary>
    public static readonly float[] E4M3 = Table(exponentBits: 4, mantissaBits: 3, bias: 7, hasInfinity: false);

    /// <summary>Value of each E5M2 byte: bias 15, largest 57344.</summary>
    public static readonly float[] E5M2 = Table(exponentBits: 5, mantissaBits: 2, bias: 15, hasInfinity: true);

    /// <summary>
    /// E4M3 bytes of float32 values, rounded to nearest, ties to even; beyond ±448 the largest of that sign. NaN keeps being one.
    /// The result has the shape and the device of <paramref name="values"/>.
    /// </summary>
    public static unsafe Tensor Encode(Tensor values)
    {
        const int Chunk = 1 << 16;
        using var scope = TensorScope.Enter();
        Tensor from = values.To(Device.Cpu).Contiguous();
        Tensor to = Tensor.Empty(from.Shape, DType.UInt8);
        nint source = (nint)from.Info.Data, target = (nint)to.Info.Data;
        long n = from.NumElements;
        Parallel.For(0, (n + Chunk - 1) / Chunk, c =>
        {
            for (long i = c * Chunk; i < Math.Min(n, (c + 1) * Chunk); i++)
            {
                ((byte*)target)[i] = EncodeE4M3(((float*)source)[i]);
            }
        });
        return scope.Keep(to.To(values.Device));
    }

    private static byte EncodeE4M3(float value)
    {
        const uint Sign = 0x8000_0000, SmallestNormal = 121u << 23;                              // 2⁻⁶
        const int Dropped = 20, Rebias = 127 - 7;
        const byte Largest = 0x7E, NaN = 0x7F;
        const float SubnormalSteps = 512;                                                        // 2⁹ in 1
        uint bits = BitConverter.SingleToUInt32Bits(value);
        byte sign = (byte)(bits >> 24 & 0x80);
        bits &= ~Sign;
        if (float.IsNaN(value))
        {
            return (byte)(sign | NaN);
        }
        if (bits < SmallestNormal)
        {
            return (byte)(sign | (int)MathF.Round(BitConverter.UInt32BitsToSingle(bits) * SubnormalSteps));
        }
        uint rounded = bits + (1u << (Dropped - 1)) - 1 + (bits >> Dropped & 1);
        uint code = (rounded >> Dropped) - (Rebias << 3);
        return (byte)(sign | Math.Min(code, Largest));
    }

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
