namespace Kinora.World.Tests;

public sealed class HeldOutTests
{
    [Fact]
    public void All_IsTheFixedListThatTheWeightsNeverSaw()
    {
        HeldOut.All.Count.ShouldBe(489);
        HeldOut.All.Distinct().Count().ShouldBe(489);
        string list = string.Join('\n', HeldOut.All.Select(c => $"{c.Noun} {c.Color} {c.Motion} {c.Setting}"));
        Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(list))).ShouldBe("daed0e6febfa99291f915403d2ec5603f9a809d6dee42bad2cb2105b678613ab");
    }

    [Fact]
    public void All_SpreadsOverEveryWordAndTakesLittleOfEach()
    {
        Check(c => c.Noun, Vocabulary.Nouns.Count);
        Check(c => c.Color, Vocabulary.Colors.Count);
        Check(c => c.Motion, Vocabulary.Motions.Count);
        Check(c => c.Setting, Vocabulary.Settings.Count);
    }

    [Fact]
    public void Contains_Scene_LooksAtEveryActor()
    {
        Combination held = HeldOut.All[0];
        Actor free = new(Noun.Circle, ActorColor.Red, Motion.Still, 0.4, 0.5, 0.5, 0, 1), bad = free with { Noun = held.Noun, Color = held.Color, Motion = held.Motion };
        while (HeldOut.Contains(new Combination(free.Noun, free.Color, free.Motion, held.Setting)))
            free = free with { Noun = free.Noun + 1 };
        HeldOut.Contains(new Scene(0, [free], null, held.Setting, CameraMove.Static, 0)).ShouldBeFalse();
        HeldOut.Contains(new Scene(0, [free, bad], Relation.LeftOf, held.Setting, CameraMove.Static, 0)).ShouldBeTrue();
        HeldOut.Contains(new Scene(0, [bad, free], Relation.LeftOf, held.Setting, CameraMove.Static, 0)).ShouldBeTrue();
    }

    // Each word appears, and at most a tenth of its combinations is held out.
    private static void Check<T>(Func<Combination, T> word, int words) where T : notnull
    {
        var counts = HeldOut.All.CountBy(word).ToDictionary();
        counts.Count.ShouldBe(words);
        double combinations = (double)Vocabulary.Nouns.Count * Vocabulary.Colors.Count * Vocabulary.Motions.Count * Vocabulary.Settings.Count / words;
        counts.Values.Max().ShouldBeLessThan((int)(combinations / 10));
    }
}
