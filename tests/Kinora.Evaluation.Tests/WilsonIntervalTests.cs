using Kinora.Evaluation.Statistics;

namespace Kinora.Evaluation.Tests;

public sealed class WilsonIntervalTests
{
    // Oracle: Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I, method 3.
    [Theory]
    [InlineData(81, 263, 0.2553, 0.3662)]
    [InlineData(15, 148, 0.0624, 0.1605)]
    [InlineData(0, 20, 0.0, 0.1611)]
    [InlineData(1, 29, 0.0061, 0.1718)]
    public void Of_PublishedExamples_AgreeToFourDigits(int successes, int trials, double low, double high)
    {
        var interval = WilsonInterval.Of(successes, trials);
        Math.Round(interval.Low, 4).ShouldBe(low);
        Math.Round(interval.High, 4).ShouldBe(high);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(200)]
    public void Of_AllOrNone_EndsExactlyAtTheEdge(int successes)
    {
        var interval = WilsonInterval.Of(successes, 200);
        (successes == 0 ? interval.Low : 1 - interval.High).ShouldBe(0);
        (interval.High - interval.Low).ShouldBeInRange(0.01, 0.02);
    }

    [Fact]
    public void Of_ImpossibleCounts_Throws()
    {
        Should.Throw<ArgumentOutOfRangeException>(() => WilsonInterval.Of(1, 0));
        Should.Throw<ArgumentOutOfRangeException>(() => WilsonInterval.Of(6, 5));
        Should.Throw<ArgumentOutOfRangeException>(() => WilsonInterval.Of(-1, 5));
    }
}
