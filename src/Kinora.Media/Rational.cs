// An exact ratio of two integers: frame rates, time bases and presentation times of media files.
using System.Globalization;

namespace Kinora.Media;

/// <summary>An exact fraction in lowest terms with a positive denominator, such as the frame rate 30000/1001.</summary>
public readonly record struct Rational : IComparable<Rational>
{
    private readonly long _denominatorMinusOne;

    /// <summary>Reduces <paramref name="numerator"/>/<paramref name="denominator"/> to lowest terms.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The denominator is zero.</exception>
    public Rational(long numerator, long denominator)
    {
        ArgumentOutOfRangeException.ThrowIfZero(denominator);
        long divisor = (long)GreatestCommonDivisor(Magnitude(numerator), Magnitude(denominator));
        if (denominator < 0)
        {
            divisor = -divisor;
        }

        Numerator = numerator / divisor;
        _denominatorMinusOne = (denominator / divisor) - 1;
    }

    /// <summary>The numerator in lowest terms; carries the sign.</summary>
    public long Numerator { get; }

    /// <summary>The denominator in lowest terms, at least 1 (also for <c>default</c>, which is zero).</summary>
    public long Denominator => _denominatorMinusOne + 1;

    /// <summary>Whether the value is exactly zero.</summary>
    public bool IsZero => Numerator == 0;

    /// <summary>
    /// The fraction meant by a decimal frame rate: a whole number, one of the broadcast rates n·1000/1001
    /// (23.976, 29.97, 59.94, …, within 0.005) or else the nearest fraction with a denominator of at most 100000.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not finite or its magnitude exceeds 10⁹.</exception>
    public static Rational FromDouble(double value)
    {
        if (!double.IsFinite(value) || Math.Abs(value) > 1e9)
        {
            throw new ArgumentOutOfRangeException(nameof(value), value, "A rational is made from a finite number of magnitude at most 1e9.");
        }

        double whole = Math.Round(value);
        if (Math.Abs(value - whole) < 1e-9)
        {
            return new Rational((long)whole, 1);
        }

        double broadcast = Math.Round(value * 1.001);
        if (broadcast is 24 or 30 or 48 or 60 or 120 && Math.Abs(value - (broadcast / 1.001)) < 0.005)
        {
            return new Rational((long)broadcast * 1000, 1001);
        }

        return Approximate(value, 100_000);
    }

    /// <summary>Seconds as an exact fraction from .NET's 100 ns ticks.</summary>
    public static Rational FromTimeSpan(TimeSpan time) => new(time.Ticks, TimeSpan.TicksPerSecond);

    /// <summary>This many seconds, rounded to the nearest 100 ns tick.</summary>
    public TimeSpan ToTimeSpan()
    {
        var ticks = (Int128)Numerator * TimeSpan.TicksPerSecond;
        Int128 half = Denominator / 2;
        return new TimeSpan((long)((ticks + (ticks < 0 ? -half : half)) / Denominator));
    }

    /// <summary>The nearest double.</summary>
    public double ToDouble() => (double)Numerator / Denominator;

    /// <inheritdoc/>
    public int CompareTo(Rational other) =>
        ((Int128)Numerator * other.Denominator).CompareTo((Int128)other.Numerator * Denominator);

    /// <summary>The reciprocal.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is zero.</exception>
    public Rational Invert() => new(Denominator, Numerator);

    /// <inheritdoc/>
    public override string ToString() => Denominator == 1
        ? Numerator.ToString(CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"{Numerator}/{Denominator}");

    public static bool operator <(Rational left, Rational right) => left.CompareTo(right) < 0;

    public static bool operator >(Rational left, Rational right) => left.CompareTo(right) > 0;

    public static bool operator <=(Rational left, Rational right) => left.CompareTo(right) <= 0;

    public static bool operator >=(Rational left, Rational right) => left.CompareTo(right) >= 0;

    public static Rational operator +(Rational left, Rational right) => FromWide(
        ((Int128)left.Numerator * right.Denominator) + ((Int128)right.Numerator * left.Denominator),
        (Int128)left.Denominator * right.Denominator);

    public static Rational operator -(Rational left, Rational right) => left + new Rational(-right.Numerator, right.Denominator);

    public static Rational operator *(Rational left, Rational right) => FromWide(
        (Int128)left.Numerator * right.Numerator, (Int128)left.Denominator * right.Denominator);

    public static Rational operator /(Rational left, Rational right) => left * right.Invert();

    private static Rational FromWide(Int128 numerator, Int128 denominator)
    {
        Int128 a = Int128.Abs(numerator);
        Int128 b = denominator;
        while (b != 0)
        {
            (a, b) = (b, a % b);
        }

        return new Rational(checked((long)(numerator / a)), checked((long)(denominator / a)));
    }

    // Continued fraction expansion; stops at the last convergent whose denominator fits.
    private static Rational Approximate(double value, long maxDenominator)
    {
        double rest = Math.Abs(value);
        long n0 = 0, d0 = 1, n1 = 1, d1 = 0;
        for (int term = 0; term < 32; term++)
        {
            long part = (long)Math.Floor(rest);
            long n2 = (part * n1) + n0;
            long d2 = (part * d1) + d0;
            if (d2 > maxDenominator)
            {
                break;
            }

            (n0, d0, n1, d1) = (n1, d1, n2, d2);
            double fraction = rest - part;
            if (fraction < 1e-12)
            {
                break;
            }

            rest = 1 / fraction;
        }

        return new Rational(value < 0 ? -n1 : n1, d1);
    }

    private static ulong Magnitude(long value) => value < 0 ? (ulong)-(value + 1) + 1 : (ulong)value;

    private static ulong GreatestCommonDivisor(ulong a, ulong b)
    {
        while (b != 0)
        {
            (a, b) = (b, a % b);
        }

        return a;
    }
}
