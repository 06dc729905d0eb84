// Two normal values from 128 random bits.
// Paper: Box & Muller, "A note on the generation of random normal deviates", Ann. Math. Statist. 29 (1958).
//
// Numerics  Only IEEE double + − × ÷ and square root are used, so the result has the same bits on every machine.
//           Series are cut below 1e-16 relative on the reduced ranges stated beside them.

namespace Kinora.Engine.Random;

internal static class BoxMuller
{
    // Taylor coefficients 1/3!, 1/5!, …, 1/15! of sine and 1/2!, …, 1/16! of cosine; argument within ±π/4.
    private static readonly double[] SineTerms =
        [-1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800, 1.0 / 6227020800, -1.0 / 1307674368000];

    private static readonly double[] CosineTerms =
        [-1.0 / 2, 1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800, 1.0 / 479001600, -1.0 / 87178291200, 1.0 / 20922789888000];

    /// <summary>r cos θ and r sin θ with r = √(−2 ln u₁), θ = 2π u₂, u₁ in (0, 1] and u₂ in [0, 1) of 53 bits each.</summary>
    public static (double First, double Second) Pair(ulong bits1, ulong bits2)
    {
        double u1 = ((bits1 >> 11) + 1) * (1.0 / (1UL << 53));
        double radius = Math.Sqrt(-2.0 * Log(u1));
        // The nearest quarter turn is taken off in integers, which is exact; the rest is within ±1/8 turn.
        ulong turn = bits2 >> 11;
        ulong quarter = ((turn + (1UL << 50)) >> 51) & 3;
        long rest = (long)(turn - (((turn + (1UL << 50)) >> 51) << 51));
        double x = rest * (2.0 * Math.PI / (1UL << 53));
        double square = x * x;
        double sine = x + x * Series(SineTerms, square);
        double cosine = 1.0 + Series(CosineTerms, square);
        return quarter switch
        {
            0 => (radius * cosine, radius * sine),
            1 => (-radius * sine, radius * cosine),
            2 => (-radius * cosine, -radius * sine),
            _ => (radius * sine, -radius * cosine),
        };
    }

    /// <summary>Natural logarithm of a normal positive number: ln(m 2^e) = e ln 2 + 2 artanh((m − 1)/(m + 1)), m in [√½, √2).</summary>
    internal static double Log(double value)
    {
        long bits = BitConverter.DoubleToInt64Bits(value);
        int exponent = (int)(bits >> 52) - 1023;
        double mantissa = BitConverter.Int64BitsToDouble((bits & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000);
        if (mantissa > 1.4142135623730951)
        {
            mantissa *= 0.5;
            exponent++;
        }
        double s = (mantissa - 1.0) / (mantissa + 1.0);
        double square = s * s;
        double sum = 0;
        for (int k = 23; k >= 3; k -= 2)
        {
            sum = square * (sum + 1.0 / k);
        }
        return exponent * 0.69314718055994530942 + 2.0 * (s + s * sum);
    }

    /// <summary>c₀ y + c₁ y² + … by Horner's rule.</summary>
    private static double Series(double[] terms, double y)
    {
        double sum = 0;
        for (int i = terms.Length - 1; i >= 0; i--)
        {
            sum = y * (terms[i] + sum);
        }
        return sum;
    }
}
