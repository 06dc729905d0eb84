namespace Kinora.Media.Tests;

public sealed class RationalTests
{
    [Theory]
    [InlineData(24, 24, 1)]
    [InlineData(23.976, 24000, 1001)]
    [InlineData(23.98, 24000, 1001)]
    [InlineData(29.97, 30000, 1001)]
    [InlineData(59.94, 60000, 1001)]
    [InlineData(12.5, 25, 2)]
    [InlineData(0.1, 1, 10)]
    [InlineData(-2.5, -5, 2)]
    public void FromDouble_KnownRates_AreExact(double value, long numerator, long denominator)
    {
        var r = Rational.FromDouble(value);

        (r.Numerator, r.Denominator).ShouldBe((numerator, denominator));
    }

    [Fact]
    public void Arithmetic_IsExactAndReduced()
    {
        (new Rational(1, 3) + new Rational(1, 6)).ShouldBe(new Rational(1, 2));
        (new Rational(1, 3) - new Rational(1, 2)).ShouldBe(new Rational(-1, 6));
        (new Rational(30000, 1001) * new Rational(1001, 30000)).ShouldBe(new Rational(1, 1));
        (new Rational(6, -4)).ShouldBe(new Rational(-3, 2));
        (new Rational(1, 3) < new Rational(334, 1000)).ShouldBeTrue();
        default(Rational).ShouldBe(new Rational(0, 5));
        default(Rational).Denominator.ShouldBe(1);
    }

    [Theory]
    [InlineData(1, 3, 3333333)]
    [InlineData(2, 3, 6666667)]
    [InlineData(-2, 3, -6666667)]
    public void ToTimeSpan_RoundsToTheNearestTick(long numerator, long denominator, long ticks) =>
        new Rational(numerator, denominator).ToTimeSpan().Ticks.ShouldBe(ticks);
}
