using Kinora.Curation.Bench;
using Kinora.Curation.Frames;
using Kinora.Curation.Shots;
using Kinora.Media;

namespace Kinora.Curation.Tests.Shots;

public sealed class FusedDetectorTests
{
    private const int Width = 64, Height = 36, Fps = 24;

    [Theory]
    [InlineData(300)]
    [InlineData(700)]
    [InlineData(1500)]
    public void Process_OfALongFilm_DecidesEarlyWhatItWouldDecideAtTheEnd(int flushAt)
    {
        string[] kinds = [.. Enumerable.Range(0, 40).Select(i => i % 2 == 0 ? "cut" : Transition.Kinds[i % Transition.Kinds.Count])];
        var film = new FilmMaker(Width, Height, Fps, 5).Join(kinds, flashes: 6, dropEvery: 0, []);
        var (early, atEnd) = (new FusedDetector(new FusedOptions(), flushAt), new FusedDetector(new FusedOptions(), int.MaxValue));
        ShotTrace earlyTrace = new(recordsMetrics: false), endTrace = new();
        var graph = new FrameGraph(Width, Height);
        long last = 0;
        int decidedEarly = 0;
        foreach (var (index, bgr) in film.Frames)
        {
            graph.Load(bgr, index, new Rational(index, Fps));
            early.Process(graph, earlyTrace);
            atEnd.Process(graph, endTrace);
            decidedEarly = earlyTrace.Cuts.Count;
            last = index;
        }
        early.Finish(last, earlyTrace);
        atEnd.Finish(last, endTrace);
        earlyTrace.Cuts.ShouldBe(endTrace.Cuts);
        earlyTrace.Cuts.Count.ShouldBeGreaterThan(30);
        if (flushAt == 700) { decidedEarly.ShouldBeGreaterThan(5); }
    }
}
