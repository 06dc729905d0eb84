// Captions are held against the scores they come from, over clips with every combination of known, unknown and uncertain scores.
using System.Text.RegularExpressions;
using Kinora.Curation.Datasets;
using Kinora.Curation.Scores;

namespace Kinora.Curation.Tests.Datasets;

public sealed partial class FactCaptionTests
{
    // What joins statements, and says nothing by itself.
    private static readonly HashSet<string> Glue = new(["A", "An", "shot", "of", "the", "camera", "and", "text"], StringComparer.Ordinal);

    [Fact]
    public void EveryWordOfACaption_FollowsFromAScore()
    {
        var random = new Random(3);
        var said = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < 500; i++)
        {
            var clip = Clip([.. ScoreNames.All.Select(meaning => Draw(meaning, random))], random.Next(3) == 0 ? [] : ["Station North", "1984"]);
            string caption = FactCaption.Describe(clip), left = caption;
            var facts = FactCaption.Facts(clip);
            facts.ShouldAllBe(fact => fact.HoldsFor(clip), caption);
            foreach (var fact in facts.OrderByDescending(f => f.Words.Length))
            {
                caption.ShouldContain(fact.Words);
                said.Add(fact.Words);
                left = left.Replace(fact.Words, "", StringComparison.Ordinal);
            }
            foreach (string line in clip.Text) { left = left.Replace($"\"{line}\"", "", StringComparison.Ordinal); }
            Word().Matches(left).Select(m => m.Value).ShouldAllBe(word => Glue.Contains(word), caption);
        }
        // The draw reached every kind of statement.
        said.Count.ShouldBeGreaterThan(30);
    }

    [Fact]
    public void UnknownMotion_IsNotCalledStill()
    {
        Score[] unknown = [new(ScoreNames.Seconds, 3, 1), Score.Missing(ScoreNames.CameraMotion, "too little texture can be followed"), Score.Missing(ScoreNames.VmafMotion, "unknown")];
        FactCaption.Describe(Clip(unknown, [])).ShouldBe("A shot of 3.0 seconds.");
        Score[] doubtful = [new(ScoreNames.Seconds, 3, 1), new(ScoreNames.CameraMotion, 0.1, 0.05)];
        FactCaption.Describe(Clip(doubtful, [])).ShouldBe("A shot of 3.0 seconds.");
    }

    [Fact]
    public void KnownScores_MakeOneSentence()
    {
        Score[] scores =
        [
            new(ScoreNames.Seconds, 4.2, 1), new(ScoreNames.VmafMotion, 3, 1), new(ScoreNames.Exposure, 30, 1), new(ScoreNames.Colorfulness, 60, 1), new(ScoreNames.Hue, 210, 1), new(ScoreNames.Chroma, 50, 1),
            new(ScoreNames.Pan, -12, 0.6), new(ScoreNames.Zoom, 8, 0.6), new(ScoreNames.CameraMotion, 9, 0.6), new(ScoreNames.TextWords, 2, 1), new(ScoreNames.TextOverlay, 0.02, 1),
        ];
        FactCaption.Describe(Clip(scores, ["Station North"])).ShouldBe("A moving, dark, vivid shot of 4.2 seconds, mostly blue; the camera zooms in and pans left; text laid over it reads \"Station North\".");
    }

    private static Score Draw(ScoreMeaning meaning, Random random)
    {
        double value = meaning.Name switch
        {
            ScoreNames.Hue => 360 * random.NextDouble(),
            ScoreNames.Exposure => 255 * random.NextDouble(),
            ScoreNames.Chroma => 60 * random.NextDouble(),
            ScoreNames.Colorfulness or ScoreNames.Sharpness => 70 * random.NextDouble(),
            ScoreNames.Pan or ScoreNames.Tilt or ScoreNames.Zoom or ScoreNames.Roll => 24 * (random.NextDouble() - 0.5),
            ScoreNames.TextWords => random.Next(3),
            ScoreNames.CameraMotion => random.NextDouble(),
            _ => 12 * random.NextDouble(),
        };
        return random.Next(5) switch { 0 => Score.Missing(meaning.Name, "drawn so"), 1 => new Score(meaning.Name, value, 0.05), _ => new Score(meaning.Name, value, 0.2 + (0.8 * random.NextDouble())) };
    }

    private static ClipMeasures Clip(IReadOnlyList<Score> scores, IReadOnlyList<string> text) =>
        new() { Id = Guid.Empty, StartFrame = 0, EndFrame = 24, Frames = 24, StartTime = 0, EndTime = 1, Scores = scores, Hashes = [], Color = [], Text = text };

    [GeneratedRegex("[A-Za-z0-9]+", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Word();
}
