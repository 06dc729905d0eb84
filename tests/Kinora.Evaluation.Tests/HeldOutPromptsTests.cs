using Kinora.Evaluation.Quality;
using Kinora.World;

namespace Kinora.Evaluation.Tests;

public sealed class HeldOutPromptsTests
{
    [Fact]
    public void Take_TwoHundred_AreDistinctAndHeldOut()
    {
        var cases = HeldOutPrompts.Take(200);
        cases.Select(c => c.Combination).Distinct().Count().ShouldBe(200);
        cases.ShouldAllBe(c => HeldOut.Contains(c.Combination));
        cases.ShouldAllBe(c => c.Prompt == CaptionGrammar.Canonical(c.Combination));
    }

    [Fact]
    public void Take_Fewer_IsThePrefixOfMore() => HeldOutPrompts.Take(60).ShouldBe(HeldOutPrompts.Take(200).Take(60));

    [Fact]
    public void Take_TwoHundred_UsesEveryWordAboutEquallyOften()
    {
        var cases = HeldOutPrompts.Take(200);
        void Balanced<T>(Func<Combination, T> word, int words)
        {
            var counts = cases.GroupBy(c => word(c.Combination)).Select(g => g.Count()).ToList();
            counts.Count.ShouldBe(words);
            (counts.Max() - counts.Min()).ShouldBeLessThanOrEqualTo(6);
        }

        Balanced(c => c.Noun, Vocabulary.Nouns.Count);
        Balanced(c => c.Color, Vocabulary.Colors.Count);
        Balanced(c => c.Motion, Vocabulary.Motions.Count);
        Balanced(c => c.Setting, Vocabulary.Settings.Count);
    }

    [Fact]
    public void Take_TooMany_Throws() => Should.Throw<ArgumentOutOfRangeException>(() => HeldOutPrompts.Take(HeldOutPrompts.Available + 1));
}
