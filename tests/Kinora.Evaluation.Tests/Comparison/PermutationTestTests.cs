using Kinora.Engine.Random;
using Kinora.Evaluation.Statistics;

namespace Kinora.Evaluation.Tests.Comparison;

public sealed class PermutationTestTests
{
    // Ten differences of one sign: 2 of 2¹⁰ sign patterns reach their sum.
    [Fact]
    public void Paired_TenEqualDifferences_IsTwoOfTwoToTheTen() =>
        PermutationTest.Paired([.. Enumerable.Repeat(1.0, 10)], 20000, new Generator(3)).ShouldBe(2 / 1024.0, 0.0012);

    // Divisions of 1..6 into threes: 2 of 20 are as far apart as {1,2,3} and {4,5,6}.
    [Fact]
    public void TwoSample_SeparatedThrees_IsTwoOfTwenty() =>
        PermutationTest.TwoSample([1, 2, 3], [4, 5, 6], 20000, new Generator(3)).ShouldBe(0.1, 0.01);

    [Fact]
    public void TwoSample_EqualSets_IsOne() => PermutationTest.TwoSample([1, 2], [1, 2], 100, new Generator(1)).ShouldBe(1);
}
