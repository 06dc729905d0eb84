using System.Text.Json;
using Kinora.Curation.Decisions;
using Kinora.Curation.Scores;

namespace Kinora.Curation.Tests.Decisions;

public sealed class RecipeTests
{
    [Fact]
    public void Parse_OfAPart_TakesTheRestFromTheDefault()
    {
        var recipe = Recipe.Parse("""{ "measure": { "max_clip_seconds": 5 }, "output": { "preset": "ultrafast" } }""");
        recipe.Measure.ShouldBe(Recipe.Default.Measure with { MaxClipSeconds = 5 });
        recipe.Output.ShouldBe(Recipe.Default.Output with { Preset = "ultrafast" });
        recipe.Rules.ShouldBe(Recipe.Default.Rules);
        Recipe.Parse(Recipe.Default.ToJson()).Hash().ShouldBe(Recipe.Default.Hash());
    }

    [Theory]
    [InlineData("""{ "rules": [ { "score": "beauty", "min": 1 } ] }""", "beauty")]
    [InlineData("""{ "thresholds": 1 }""", "thresholds")]
    [InlineData("""{ "rules": [ { "score": "motion.vmaf", "min": 2, "max": 1 } ] }""", "above max")]
    [InlineData("""{ "measure": { "detector": "magic" } }""", "fused")]
    [InlineData("[]", "object")]
    public void Parse_OfAnImpossibleRecipe_SaysWhatIsWrong(string json, string expected) =>
        Should.Throw<JsonException>(() => Recipe.Parse(json)).Message.ShouldContain(expected);

    [Fact]
    public void Decide_ByPercentileBalanceAndUnavailable_IsAFunctionOfTheScores()
    {
        var source = Source([.. Enumerable.Range(0, 10).Select(i => (double?)i), null]);
        var recipe = new Recipe { DuplicateBits = -1, Rules = [new Rule { Score = ScoreNames.VmafMotion, MinPercentile = 50 }] };
        var decisions = DecisionMaker.Decide([source], recipe);
        decisions.Select(d => d.Keep).ShouldBe([false, false, false, false, false, true, true, true, true, true, true]);
        decisions[^1].Unknown.ShouldBe([ScoreNames.VmafMotion]);
        DecisionMaker.Decide([source], recipe with { MaxClipsPerSource = 2 }).Count(d => d.Keep).ShouldBe(2);
        DecisionMaker.Decide([source], recipe with { Rules = [new Rule { Score = ScoreNames.VmafMotion, DropUnavailable = true }] })[^1].Keep.ShouldBeFalse();
    }

    [Fact]
    public void Decide_OnClipsThatLookAlike_KeepsTheLargest()
    {
        var source = Source([1, 1, 1]);
        string[] hashes = ["ffff0000ffff0000", "ffff0000ffff0001", "0123456789abcdef"];
        ClipMeasures[] clips = [.. source.Clips.Select((c, i) => c with { Hashes = [hashes[i]], Scores = [.. c.Scores, new Score(ScoreNames.ShortSide, i == 1 ? 720 : 480, 1)] })];
        var decisions = DecisionMaker.Decide([source with { Clips = clips }], new Recipe());
        decisions.Select(d => d.Keep).ShouldBe([false, true, true]);
        decisions[0].DuplicateOf.ShouldBe(clips[1].Id);
    }

    private static SourceMeasures Source(double?[] motion) => new()
    {
        Sha256 = "00", Options = "00",
        Clips = [.. motion.Select((m, i) => new ClipMeasures
        {
            Id = new Guid(i + 1, 0, 0, new byte[8]), StartFrame = i * 10, EndFrame = (i + 1) * 10, Frames = 10, StartTime = i, EndTime = i + 1, Hashes = [], Color = [],
            Scores = [m is { } value ? new Score(ScoreNames.VmafMotion, value, 1) : Score.Missing(ScoreNames.VmafMotion, "test")],
        })],
    };
}
