using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Kinora.World.Tests;

public sealed partial class CaptionGrammarTests
{
    // Wordings of nouns beyond their own name, as the grammar documents them.
    private static readonly Dictionary<Noun, string> Synonyms = new() { [Noun.Rocket] = "spaceship", [Noun.Circle] = "disc", [Noun.House] = "cottage", [Noun.Car] = "automobile" };

    [Fact]
    public void Describe_SameSceneAndSeed_GivesTheRecordedText()
    {
        var text = new StringBuilder();
        for (ulong seed = 0; seed < 2000; seed++)
            text.Append(CaptionGrammar.Describe(SceneSampler.Sample(seed), seed)).Append('\n');
        // The shipped text encoder was trained on this grammar.
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()))).ShouldBe("e2532e34c86ce35f1753e490d55387aaa554df2e4143f6b8afc7672c31426a1f");
    }

    [Fact]
    public void Describe_AnyScene_NamesEveryActorWithItsColor()
    {
        for (ulong seed = 0; seed < 4000; seed++)
        {
            Scene scene = SceneSampler.Sample(seed);
            string caption = CaptionGrammar.Describe(scene, seed).ToLowerInvariant();
            foreach (Actor actor in scene.Actors)
            {
                string noun = Synonyms.TryGetValue(actor.Noun, out string? other) ? $"({CaptionGrammar.Word(actor.Noun)}|{other})" : CaptionGrammar.Word(actor.Noun);
                string color = CaptionGrammar.Word(actor.Color);
                if (!Regex.IsMatch(caption, $@"\b{color} ([a-z]+ )?\w*{noun}\b|\b\w*{noun}( face)? that is {color}\b"))
                    Assert.Fail($"{caption}: does not name the {color} {noun}");
            }
        }
    }

    [Fact]
    public void Describe_AnyScene_SaysNothingUntrue()
    {
        for (ulong seed = 0; seed < 4000; seed++)
        {
            Scene scene = SceneSampler.Sample(seed);
            string caption = CaptionGrammar.Describe(scene, seed).ToLowerInvariant();
            foreach (Setting setting in Vocabulary.Settings.Where(s => s != scene.Setting))
                SaysAny(caption, CaptionGrammar.SettingPhrases(setting)).ShouldBeNull(caption);
            foreach (Motion motion in Vocabulary.Motions.Where(m => scene.Actors.All(a => a.Motion != m)))
                SaysAny(caption, CaptionGrammar.MotionPhrases(motion)).ShouldBeNull(caption);
            foreach (ActorColor color in Vocabulary.Colors.Where(c => scene.Actors.All(a => a.Color != c)))
            {
                // "in a green forest" and "over a green meadow" are names of settings.
                string rest = SettingColor().Replace(caption, "");
                Says(rest, CaptionGrammar.Word(color)).ShouldBeFalse(caption);
            }
        }
    }

    [Fact]
    public void Describe_MovingCamera_IsMentioned_AndOnlyThen()
    {
        int moving = 0;
        for (ulong seed = 0; seed < 4000; seed++)
        {
            Scene scene = SceneSampler.Sample(seed);
            string caption = CaptionGrammar.Describe(scene, seed).ToLowerInvariant();
            string? expected = scene.Camera switch { CameraMove.PanLeft => "pan(s|ning) left", CameraMove.PanRight => "pan(s|ning) right", CameraMove.ZoomIn => "zoom(s)? in", CameraMove.ZoomOut => "zoom(s)? out", _ => null };
            if (expected is null)
            {
                (caption.Contains(" pan") || caption.Contains("zoom")).ShouldBeFalse(caption);
                continue;
            }
            moving++;
            Regex.IsMatch(caption, expected).ShouldBeTrue(caption);
        }
        moving.ShouldBeGreaterThan(500);
    }

    [Fact]
    public void Describe_ManySeeds_MentionsMotionAndSettingMostlyAndIsBareSometimes()
    {
        Scene scene = Clips.Plainly(Noun.Balloon, ActorColor.Red, Motion.Up, Setting.NightCity);
        string[] captions = [.. Enumerable.Range(0, 4000).Select(i => CaptionGrammar.Describe(scene, (ulong)i).ToLowerInvariant())];
        Share(c => SaysAny(c, CaptionGrammar.MotionPhrases(Motion.Up)) != null).ShouldBe(0.89, 0.03);
        Share(c => SaysAny(c, CaptionGrammar.SettingPhrases(Setting.NightCity)) != null).ShouldBe(0.86, 0.03);
        Share(c => c.TrimEnd('.') == "red balloon").ShouldBe(0.05, 0.03);
        captions.Distinct().Count().ShouldBeGreaterThan(300);

        double Share(Func<string, bool> test) => captions.Count(test) / (double)captions.Length;
    }

    [Fact]
    public void Describe_ManySeeds_UsesEveryPhrase()
    {
        foreach (Motion motion in Vocabulary.Motions)
        {
            foreach (Setting setting in Vocabulary.Settings)
            {
                Scene scene = Clips.Plainly(Noun.Cat, motion: motion, setting: setting);
                string all = string.Join('\n', Enumerable.Range(0, 300).Select(i => CaptionGrammar.Describe(scene, (ulong)i))).ToLowerInvariant();
                foreach (string phrase in CaptionGrammar.MotionPhrases(motion).Concat(CaptionGrammar.SettingPhrases(setting)))
                    Says(all, phrase).ShouldBeTrue(phrase);
            }
        }
    }

    [Fact]
    public void Describe_AnyScene_IsOneCleanLine()
    {
        for (ulong seed = 0; seed < 4000; seed++)
        {
            string caption = CaptionGrammar.Describe(SceneSampler.Sample(seed), seed);
            CleanLine().IsMatch(caption).ShouldBeTrue(caption);
        }
    }

    [Fact]
    public void Canonical_NamesTheFourWords() =>
        CaptionGrammar.Canonical(new Combination(Noun.Balloon, ActorColor.Red, Motion.Up, Setting.NightCity)).ShouldBe("a red balloon moves up over a night city");

    private static string? SaysAny(string caption, IReadOnlyList<string> phrases) => phrases.FirstOrDefault(p => Says(caption, p));

    // Whether the phrase stands in the caption as whole words.
    private static bool Says(string caption, string phrase)
    {
        for (int at = caption.IndexOf(phrase, StringComparison.Ordinal); at >= 0; at = caption.IndexOf(phrase, at + 1, StringComparison.Ordinal))
        {
            int end = at + phrase.Length;
            if ((at == 0 || !char.IsLetter(caption[at - 1])) && (end == caption.Length || !char.IsLetter(caption[end])))
                return true;
        }
        return false;
    }

    [GeneratedRegex("^[A-Za-z](, |; | |[a-z])*[a-z]\\.?$")]
    private static partial Regex CleanLine();

    [GeneratedRegex("green (forest|meadow)")]
    private static partial Regex SettingColor();
}
