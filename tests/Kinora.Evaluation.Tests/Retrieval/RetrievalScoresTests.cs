using Kinora.Evaluation.Features;
using Kinora.Evaluation.Retrieval;

namespace Kinora.Evaluation.Tests.Retrieval;

public sealed class RetrievalScoresTests
{
    // Oracle: numpy. E = LCG(1) − ½ and N = LCG(2) − ½, 64×8, rows of length 1; Q = rows of E + 0.9 N of length 1; ranks by strict count + 1.
    [Fact]
    public void Of_ReferenceMatrices_GivesReferenceRecalls()
    {
        FeatureMatrix e = Unit(Lcg.Matrix(1, 64, 8, shift: -0.5)), n = Unit(Lcg.Matrix(2, 64, 8, shift: -0.5));
        FeatureMatrix q = Unit(new FeatureMatrix("q", 64, 8, [.. e.Values.Zip(n.Values, (a, b) => a + 0.9 * b)]));
        RetrievalScores scores = RetrievalScores.Of(q, e);
        scores.RecallAt(1).Share.ShouldBe(0.453125);
        scores.RecallAt(5).Share.ShouldBe(0.90625);
        scores.RecallAt(10).Share.ShouldBe(1);
        scores.MedianRank.ShouldBe(2);
        scores.MeanRank.ShouldBe(2.3125);
        double[] all = RetrievalScores.Similarities(q, e);
        all.Average().ShouldBe(0.01751877789, 1e-10);
        Enumerable.Range(0, 64).Average(i => all[i * 64 + i]).ShouldBe(0.72930155995, 1e-10);
    }

    [Fact]
    public void Of_Ties_DoNotCountAgainstTheOwnItem()
    {
        RetrievalScores.Of([0.5, 0.5, 0.5, 0.9, 0.1, 0.8], [2, 2]).Ranks.ShouldBe([1, 2]);
        Should.Throw<EvaluationException>(() => RetrievalScores.Of([1, 2, 3], [0, 0])).Message.ShouldContain("3 similarities");
        Should.Throw<EvaluationException>(() => RetrievalScores.Of([], []));
    }

    private static FeatureMatrix Unit(FeatureMatrix m)
    {
        var values = new double[m.Values.Length];
        for (int i = 0; i < m.Count; i++)
        {
            double length = Math.Sqrt(m.Row(i).ToArray().Sum(v => v * v));
            for (int j = 0; j < m.Dimension; j++)
                values[i * m.Dimension + j] = m.Row(i)[j] / length;
        }
        return new FeatureMatrix(m.Name, m.Count, m.Dimension, values);
    }
}
