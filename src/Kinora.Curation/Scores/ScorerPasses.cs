// The optional scorers at work on one source, and the scores of those that are missing.
namespace Kinora.Curation.Scores;

internal sealed class ScorerPasses : IDisposable
{
    private readonly List<IClipScorerPass> _passes = [];
    private readonly string[] _names;
    private readonly List<Score> _missing;

    public ScorerPasses(IReadOnlyList<IClipScorer> scorers)
    {
        var reasons = ScorerSlot.Missing(scorers).ToDictionary(slot => slot.Name, slot => slot.Reason, StringComparer.Ordinal);
        _missing = [.. ScoreNames.All.Where(s => s.Needs is { } needs && reasons.ContainsKey(needs)).Select(s => Score.Missing(s.Name, reasons[s.Needs!]))];
        foreach (var scorer in scorers) { _passes.Add(scorer.Begin()); }
        _names = [.. scorers.Select(s => s.Name)];
    }

    /// <summary>Shows every scorer the next sampled picture.</summary>
    public void Add(SampledPicture picture, SampledPicture? earlier, StageClock? clock)
    {
        foreach (var (name, pass) in _names.Zip(_passes))
        {
            pass.Add(picture, earlier);
            clock?.Lap(name);
        }
    }

    public void Finish()
    {
        foreach (var pass in _passes) { pass.Finish(); }
    }

    /// <summary>How far apart two shots are where they meet, as unit vectors; null where no scorer can tell.</summary>
    public double? Apart(long before, long cut, long after) => _passes
        .Select(pass => (End: pass.Near(before, cut, FeatureVector.End), Begin: pass.Near(cut, after, FeatureVector.Begin)))
        .Where(seam => seam.End is not null && seam.Begin is not null).Select(seam => (double?)FeatureVector.Distance(seam.End, seam.Begin)).FirstOrDefault();

    /// <summary>The clip with all its scores, in the order of <see cref="ScoreNames.All"/>. A scorer sees the scores of those before it.</summary>
    public ClipMeasures Complete(ClipMeasures clip)
    {
        foreach (var pass in _passes)
        {
            var scores = clip.Scores.ToDictionary(s => s.Name, StringComparer.Ordinal);
            foreach (var score in pass.Score(clip)) { scores[score.Name] = score; }
            clip = pass.Annotate(clip with { Scores = [.. scores.Values], Feature = clip.Feature ?? pass.Feature(clip) });
        }
        var all = clip.Scores.Concat(_missing).ToDictionary(s => s.Name, StringComparer.Ordinal);
        return clip with { Scores = [.. ScoreNames.All.Select(meaning => all[meaning.Name])] };
    }

    public void Dispose()
    {
        foreach (var pass in _passes) { pass.Dispose(); }
    }
}
