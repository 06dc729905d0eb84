using Kinora.Curation.Frames;
using Kinora.Curation.Shots;
using Kinora.Media;

namespace Kinora.Curation.Tests.Shots;

public sealed class TransNetDetectorTests
{
    private const int Width = 48, Height = 27;

    [Theory]
    [InlineData(160)]
    [InlineData(150)]
    [InlineData(141)]
    public void Cuts_OfKnownAnswers_BeginAfterTheFramesThatEndAShot(int frames)
    {
        int[] ending = [29, 130, 131, 132];
        // The picture tells its number, so that windows and padding are seen through.
        float[] Predict(byte[] window) => [.. window.Chunk(Width * Height * 3).Select(picture => ending.Contains(picture[0]) ? 0.9f : 0.1f)];
        var detector = new TransNetDetector(Predict);
        var graph = new FrameGraph(Width, Height);
        var trace = new ShotTrace();
        for (int i = 0; i < frames; i++)
        {
            graph.Load([.. Enumerable.Repeat((byte)i, Width * Height * 3)], i, new Rational(i, 25));
            detector.Process(graph, trace);
        }
        detector.Finish(frames - 1, trace);
        trace.Cuts.ShouldBe([30, 133]);
        trace.Metric("transnet", frames - 1).ShouldBe(0.1f);
    }
}
