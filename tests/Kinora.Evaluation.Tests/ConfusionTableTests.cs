using Kinora.Evaluation.Statistics;

namespace Kinora.Evaluation.Tests;

public sealed class ConfusionTableTests
{
    private static readonly ConfusionTable Table = new(3, [(0, 0), (0, 1), (0, 1), (2, 2), (2, 0), (1, 1)]);

    [Fact]
    public void Counts_Pairs_AreByTruthAndAnswer()
    {
        Table[0, 1].ShouldBe(2);
        Table[1, 0].ShouldBe(0);
        Table.Total(2).ShouldBe(2);
        Table.ToRows().ShouldBe([[1, 2, 0], [0, 1, 0], [1, 0, 1]]);
    }

    [Fact]
    public void Mistakes_MostFrequent_ComeFirst() => Table.Mistakes().ShouldBe([(0, 1, 2), (2, 0, 1)]);
}
