// Numbers of a real clip by other tools: ffmpeg 5.1 (siti, vmafmotion), OpenCV 4.6 (Laplacian, DCT hash), cosmos-curate (motion vectors).
using Kinora.Curation.Frames;
using Kinora.Curation.Scores;
using Kinora.Media;

namespace Kinora.Curation.Tests.Scores;

public sealed class ReferenceScoreTests
{
    private const string Clip = "test_clip_10s.mp4";
    private const int HashBitsThatDecodersMayTurn = 2;

    private static readonly Lazy<(List<LumaMeasures> Frames, Dictionary<int, PictureMeasures> Pictures, List<CodecMotion> Motion)> Measured = new(Measure);

    [Fact]
    public void Luma_OfEveryFrame_AgreesWithFfmpeg()
    {
        var frames = Measured.Value.Frames;
        frames.Count.ShouldBe(240);
        frames.Average(f => f.SpatialInformation).ShouldBe(34.608128, 1e-4);
        frames.Average(f => f.TemporalInformation).ShouldBe(3.881802, 1e-5);
        frames.Average(f => f.Motion).ShouldBe(1.351, 5e-4);
        frames[1].Motion.ShouldBe(7.66, 5e-3);
        frames[2].Motion.ShouldBe(7.94, 5e-3);
    }

    [Fact]
    public void Pictures_AtCodedSize_AgreeWithOpenCv()
    {
        var pictures = Measured.Value.Pictures;
        pictures[0].Laplacian.ShouldBe(150.53404, 1e-4);
        pictures[100].Laplacian.ShouldBe(2.44535, 1e-4);
        Distance(pictures[0].Hash, 0x94cb7331686e5b52).ShouldBeLessThanOrEqualTo(HashBitsThatDecodersMayTurn);
        Distance(pictures[100].Hash, 0xe69e196518736e64).ShouldBeLessThanOrEqualTo(HashBitsThatDecodersMayTurn);
        Distance(pictures[101].Hash, 0xe69e196919756664).ShouldBeLessThanOrEqualTo(HashBitsThatDecodersMayTurn);
    }

    [Fact]
    public void CodecMotion_OfTheFirstHalf_AgreesWithCosmosCurate()
    {
        // Two frames a second of which at most ten carry vectors.
        var motion = Measured.Value.Motion.Take(10).ToList();
        motion.Average(m => m.Mean).ShouldBe(0.0024022497, 1e-9);
        Enumerable.Range(0, motion[0].Patches.Length).Min(i => motion.Average(m => m.Patches[i])).ShouldBe(0.0015528756, 1e-9);
    }

    private static int Distance(ulong a, ulong b) => System.Numerics.BitOperations.PopCount(a ^ b);

    private static (List<LumaMeasures>, Dictionary<int, PictureMeasures>, List<CodecMotion>) Measure()
    {
        using var reader = AnalysisReader.Open(Fixture.Path(Clip), motionVectors: true);
        using var meter = new LumaMeter();
        var graph = new FrameGraph(reader.Info.Width, reader.Info.Height);
        var pictures = new PictureMeter(graph);
        var picture = new SampledPicture();
        var frames = new List<LumaMeasures>();
        var measured = new Dictionary<int, PictureMeasures>();
        var motion = new List<CodecMotion>();
        for (int i = 0; reader.Advance(); i++)
        {
            frames.Add(meter.Measure(reader));
            if (i is 0 or 100 or 101)
            {
                graph.Load(reader, i);
                picture.Load(reader, i);
                measured.Add(i, pictures.Measure(picture, CodecMotion.Of(reader.MotionVectors(), reader.Width, reader.Height)));
            }
            if (i % 12 == 0 && CodecMotion.Of(reader.MotionVectors(), reader.Width, reader.Height) is { } m) { motion.Add(m); }
        }
        return (frames, measured, motion);
    }
}
