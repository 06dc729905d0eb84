// Oracle: numpy on z = LCG(5) 200×4, c = LCG(6) 32×4, and the script of the paper for the published distance.

using Kinora.Evaluation.Codebooks;

namespace Kinora.Evaluation.Tests.Codebooks;

public sealed class CodebookScoresTests
{
    [Fact]
    public void Of_ReferenceValues_Agree()
    {
        CodebookScores s = CodebookScores.Of(Lcg.Matrix(5, 200, 4), Lcg.Matrix(6, 32, 4));
        s.QuantizationError.ShouldBe(0.09545324125911, 1e-12);
        s.Utilization.ShouldBe(1);
        s.Perplexity.ShouldBe(27.1801890467, 1e-9);
        s.Wasserstein.ShouldBe(0.1404125191, 1e-9);
        s.PublishedWasserstein.ShouldBe(0.1433850637, 1e-9);
    }

    [Fact]
    public void Of_OtherReferenceValues_Agree()
    {
        CodebookScores s = CodebookScores.Of(Lcg.Matrix(1, 64, 8), Lcg.Matrix(2, 48, 8, 1.3, 0.25));
        s.Wasserstein.ShouldBe(1.23747696319, 1e-9);
        s.PublishedWasserstein.ShouldBe(1.23719752417, 1e-9);
    }

    [Fact]
    public void Of_OneCodeFarAway_IsNotUsed()
    {
        CodebookScores s = CodebookScores.Of(Lcg.Matrix(5, 50, 2), new Kinora.Evaluation.Features.FeatureMatrix("codes", 2, 2, [0.5, 0.5, 90, 90]));
        s.Utilization.ShouldBe(0.5);
        s.Perplexity.ShouldBe(1, 1e-8);
    }
}
