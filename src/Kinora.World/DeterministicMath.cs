namespace Kinora.World;

/// <summary>Arithmetic that gives the same bits on every machine: sums, products and square roots of doubles only, no platform sine.</summary>
internal static class DeterministicMath
{
    /// <summary>sin(2π·turns) by a polynomial; error below 1e-7.</summary>
    public static double SinTurns(double turns)
    {
        double t = turns - Math.Floor(turns);
        double sign = 1;
        if (t >= 0.5)
        {
            t -= 0.5;
            sign = -1;
        }
        if (t > 0.25)
            t = 0.5 - t;
        double x = t * (2 * Math.PI);
        double x2 = x * x;
        return sign * x * (1 + x2 * (-1.0 / 6 + x2 * (1.0 / 120 + x2 * (-1.0 / 5040 + x2 * (1.0 / 362880 - x2 / 39916800)))));
    }

    public static double CosTurns(double turns) => SinTurns(turns + 0.25);

    public static double Smooth(double t) => t * t * (3 - 2 * t);
}
