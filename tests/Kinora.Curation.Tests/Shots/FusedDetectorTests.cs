using Kinora.Curation.Bench;
using Kinora.Curation.Frames;
using Kinora.Curation.Shots;
using Kinora.Media;

namespace Kinora.Curation.Tests.Shots;

public sealed class FusedDetectorTests
{
    private const int Width = 64, Height = 36, Fps = 24;

    [Theory]
    [InlineData(false, new long[] { 40, 90 })]
    [InlineData(true, new long[] { 40, 50, 90 })]
    public void Finish_OfAShotThatIsTooShort_JoinsItOrKeepsEveryHardCut(bool everyHardCut, long[] expected)
    {
        // Four plain colors; the second stays for ten frames, the last five frames are the return of a flash.
        var detector = new FusedDetector(new FusedOptions { EveryHardCut = everyHardCut });
        var trace = new ShotTrace();
        var graph = new FrameGraph(Width, Height);
        for (int i = 0; i < 130; i++)
        {
            (byte B, byte G, byte R) color = i is >= 110 and < 113 ? ((byte)250, (byte)250, (byte)250) : i < 40 ? ((byte)20, (byte)30, (byte)200) : i < 50 ? ((byte)30, (byte)180, (byte)20) : i < 90 ? ((byte)220, (byte)40, (byte)90) : ((byte)60, (byte)60, (byte)10);
            byte[] bgr = new byte[Width * Height * 3];
            for (int k = 0; k < bgr.Length; k += 3) { (bgr[k], bgr[k + 1], bgr[k + 2]) = color; }
            graph.Load(bgr, i, new Rational(i, Fps));
            detector.Process(graph, trace);
        }
        detector.Finish(129, trace);
        trace.Cuts.ShouldBe(expected);
    }

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
