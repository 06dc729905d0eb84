using Kinora.Evaluation.Statistics;

namespace Kinora.Evaluation.Tests.Studies;

public sealed class AgreementTests
{
    private static readonly int[][] Toy = [[5, 0], [4, 1], [3, 2], [2, 3], [5, 0], [1, 4], [4, 1], [5, 0]];

    // Oracle: computed with numpy from the published definitions.
    [Fact]
    public void Toy_EightItemsFiveVotes_AgreesToTenDigits()
    {
        Agreement.FleissKappa(Toy).ShouldBe(0.24764890282, 1e-10);
        Agreement.KrippendorffAlpha(Toy).ShouldBe(0.26645768025, 1e-10);
        var wilson = WilsonInterval.Of(6, 8);
        wilson.Low.ShouldBe(0.40927543, 1e-8);
        wilson.High.ShouldBe(0.92852079, 1e-8);
    }

    // Oracle: Fleiss (1971), the table of 10 subjects, 14 raters and 5 categories that textbooks repeat.
    [Fact]
    public void FleissKappa_TextbookTable_IsTheKnownValue() =>
        Agreement.FleissKappa([[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1], [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]]).ShouldBe(0.20993070442, 1e-10);

    // Two contestants: the log odds of the wins, with a tenth of a tie added.
    [Fact]
    public void BradleyTerry_TwoContestants_IsTheLogOdds()
    {
        double[] s = BradleyTerry.LogStrengths(new double[,] { { 0, 8 }, { 2, 0 } });
        (s[0] - s[1]).ShouldBe(Math.Log(8.05 / 2.05), 1e-9);
        (s[0] + s[1]).ShouldBe(0, 1e-9);
    }

    [Fact]
    public void RankCorrelation_TiesAndOrder_GiveTheKnownValues()
    {
        RankCorrelation.Spearman([1, 2, 3, 4], [10, 20, 30, 40]).ShouldBe(1, 1e-12);
        RankCorrelation.Kendall([1, 2, 3, 4], [4, 3, 2, 1]).ShouldBe(-1, 1e-12);
        // scipy.stats.kendalltau([1, 2, 2, 3], [1, 3, 2, 4]): 5 / √(5·6).
        RankCorrelation.Kendall([1, 2, 2, 3], [1, 3, 2, 4]).ShouldBe(5 / Math.Sqrt(30), 1e-12);
    }
}
