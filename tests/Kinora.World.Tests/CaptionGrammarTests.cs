using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Kinora.World.Tests;

public sealed class CaptionGrammarTests
{
    // Wordings of nouns beyond their own name.
    private static readonly Dictionary<Noun, string> Synonyms = new()
    {
        [Noun.Rocket] = "spaceship", [Noun.Circle] = "disc", [Noun.House] = "cottage", [Noun.Car] = "automobile", [Noun.Boat] = "sailboat",
        [Noun.Ball] = "soccer ball", [Noun.Tree] = "pine tree", [Noun.Cup] = "coffee cup", [Noun.Cat] = "cat face",
    };

    // Names of settings with a color in them.
    private static readonly Regex SettingColor = new("green (forest|meadow)", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture);

    private static readonly Regex CleanLine = new(@"^[A-Za-z](, |; | |[a-z])*[a-z]\.?$", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture);

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
                string color = CaptionGrammar.Word(actor.Color), noun = CaptionGrammar.Word(actor.Noun), other = Synonyms.GetValueOrDefault(actor.Noun, noun);
                SaysAny(caption, [$"{color} {noun}", $"{noun} that is {color}", $"{color} {other}", $"{other} that is {color}"]).ShouldNotBeNull(caption);
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
                string rest = SettingColor.Replace(caption, "");
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
            string[]? expected = scene.Camera switch
            {
                CameraMove.PanLeft => ["the camera pans left", "camera panning left"],
                CameraMove.PanRight => ["the camera pans right", "camera panning right"],
                CameraMove.ZoomIn => ["the camera zooms in", "slow zoom in"],
                CameraMove.ZoomOut => ["the camera zooms out", "slow zoom out"],
                _ => null,
            };
            if (expected is null)
            {
                (caption.Contains(" pan") || caption.Contains("zoom")).ShouldBeFalse(caption);
                continue;
            }
            moving++;
            SaysAny(caption, expected).ShouldNotBeNull(caption);
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
            CleanLine.IsMatch(caption).ShouldBeTrue(caption);
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
}
