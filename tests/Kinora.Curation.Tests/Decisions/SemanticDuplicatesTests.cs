using Kinora.Curation.Decisions;
using Kinora.Curation.Scores;
using Kinora.Media;

namespace Kinora.Curation.Tests.Decisions;

public sealed class SemanticDuplicatesTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kinora-semantic-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    // Oracle: worked by hand. Mean direction of 0°, 2°, 4°, 60° is near 16°: 60° is farthest, then 0°, 2°, 4°; cos 2° = 0.99939.
    [Fact]
    public void Of_NearDirections_KeepsTheOneFarthestFromTheCentroid()
    {
        float[][] units = [Direction(0), Direction(2), Direction(4), Direction(60)];
        SemanticDuplicates.Of(units, 0.001).ShouldBe(new Dictionary<int, int> { [1] = 0, [2] = 0 });
        SemanticDuplicates.Of(units, 0.0001).ShouldBeEmpty();
        SemanticDuplicates.Of([], 0.1).ShouldBeEmpty();
    }

    // Oracle: SemDeDup's rule written out: within a cluster, from far to near, each goes whose largest cosine with those before is at least 1 − ε.
    [Fact]
    public void Of_ManyVectors_LeavesNoPairThatIsTooAlike()
    {
        const double epsilon = 0.02;
        var random = new Random(5);
        float[][] units = [.. Enumerable.Range(0, 400).Select(_ => FeatureVector.MeanUnit([[.. Enumerable.Range(0, 4).Select(_ => (float)(random.NextDouble() - 0.5))]]))];
        var twins = SemanticDuplicates.Of(units, epsilon);
        int[] kept = [.. Enumerable.Range(0, units.Length).Where(i => !twins.ContainsKey(i))];
        kept.Length.ShouldBeInRange(10, 390);
        foreach (int a in kept) { kept.Where(b => b > a).ShouldAllBe(b => FeatureVector.Dot(units[a], units[b]) < 1 - epsilon); }
        twins.ShouldAllBe(t => kept.Contains(t.Value));
        SemanticDuplicates.Of(units, epsilon).ShouldBe(twins);
    }

    [Fact]
    public void Decide_ClipsThatMeanTheSame_NamesTheOneThatStays()
    {
        ClipMeasures Clip(int degrees) => new()
        {
            Id = Guid.NewGuid(), StartFrame = 0, EndFrame = 10, Frames = 10, StartTime = 0, EndTime = 1, Scores = [], Hashes = [], Color = [], Feature = ClipFeature.Of("model", Direction(degrees)),
        };
        ClipMeasures[] clips = [Clip(0), Clip(1), Clip(90)];
        var source = new SourceMeasures { Sha256 = "00", Options = "", Clips = clips };
        var recipe = new Recipe { SemanticEpsilon = 0.01 };
        var decisions = DecisionMaker.Decide([source], recipe);
        var dropped = decisions.Single(d => !d.Keep);
        dropped.Reasons[0].Rule.ShouldBe("semantic");
        decisions.Single(d => d.Clip == dropped.DuplicateOf).Keep.ShouldBeTrue();
        DecisionMaker.Decide([source], recipe with { SemanticEpsilon = -1 }).ShouldAllBe(d => d.Keep);
        // Vectors of another model say nothing about these.
        var other = source with { Clips = [clips[0], clips[1] with { Feature = clips[1].Feature! with { Model = "another" } }] };
        DecisionMaker.Decide([other], recipe).ShouldAllBe(d => d.Keep);
    }

    [Theory]
    [InlineData(null, new long[] { 0, 24, 48 })]
    [InlineData(0.2, new long[] { 0, 48 })]
    public void Stitch_ShotsOfTheSameColor_AreOneAgain(double? distance, long[] starts)
    {
        // A dark red shot, a bright red one, a blue one: the first cut changes the brightness alone, which the direction of the mean color does not see.
        string film = Path.Combine(_root, "film.mp4");
        new Clip([.. Enumerable.Range(0, 72).Select(i => Plain(i < 24 ? (70, 12, 12) : i < 48 ? (240, 40, 40) : (20, 20, 220)))], 24).Save(film);
        var options = new MeasureOptions { Detector = "content", MinShotSeconds = 0.5, TrimFrames = 0, StitchDistance = distance };
        MeasurePass.Run(film, "00", options, [new ColorScorer()]).Clips.Select(c => c.StartFrame).ShouldBe(starts);
    }

    private static VideoFrame Plain((int R, int G, int B) color)
    {
        byte[] rgb = new byte[64 * 64 * 3];
        for (int i = 0; i < rgb.Length; i += 3) { (rgb[i], rgb[i + 1], rgb[i + 2]) = ((byte)color.R, (byte)color.G, (byte)color.B); }
        return new VideoFrame(64, 64, rgb);
    }

    private static float[] Direction(double degrees) => [(float)Math.Cos(degrees * Math.PI / 180), (float)Math.Sin(degrees * Math.PI / 180)];

    // A scorer whose space is the color: the direction of the mean B, G, R.
    private sealed class ColorScorer : IClipScorer, IClipScorerPass
    {
        private readonly List<(long Index, float[] Unit)> _features = [];

        public string Name => ScorerSlot.Clip;

        public string Identity => "color";

        public bool NeedsEarlier => false;

        public IClipScorerPass Begin() => this;

        public void Add(SampledPicture picture, SampledPicture? earlier)
        {
            var bgr = picture.Bgr.ToArray();
            _features.Add((picture.Index, FeatureVector.MeanUnit([[.. Enumerable.Range(0, 3).Select(c => (float)bgr.Where((_, i) => i % 3 == c).Average(v => (double)v))]])));
        }

        public void Finish()
        {
        }

        public IReadOnlyList<Score> Score(ClipMeasures clip) => [Kinora.Curation.Scores.Score.Missing(ScoreNames.ClipMatch, "color alone"), Kinora.Curation.Scores.Score.Missing(ScoreNames.ClipGivenMatch, "color alone"), Kinora.Curation.Scores.Score.Missing(ScoreNames.ShotChange, "color alone")];

        public float[]? Near(long from, long to, double share) => _features.Where(f => f.Index >= from && f.Index < to).MinBy(f => Math.Abs(f.Index - from - (share * (to - 1 - from)))).Unit;

        public void Dispose()
        {
        }
    }
}
