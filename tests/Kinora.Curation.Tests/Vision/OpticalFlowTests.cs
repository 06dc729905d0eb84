// OpenCV's flow through the boundary, against OpenCV in Python and against the procedural world, which knows where every pixel goes.
using Kinora.Curation.Frames;
using Kinora.Curation.Scores;
using Kinora.Media;
using Kinora.Vision;
using Kinora.World;

namespace Kinora.Curation.Tests.Vision;

public sealed class OpticalFlowTests
{
    private const string Clip = "test_clip_10s.mp4";

    // Oracle: cv2 4.6.0 on the gray frames i and i + 5, one thread: calcOpticalFlowFarneback(a, b, None, .5, 3, 15, 3, 5, 1.2, 0) and
    // DISOpticalFlow_create(0), mean length over all pixels.
    [NeedsVisionFact]
    public void BothMethods_OnARealClip_GiveTheNumbersOfThePythonBinding()
    {
        var gray = new Dictionary<int, byte[]>();
        int width = 0;
        using (var reader = AnalysisReader.Open(Fixture.Path(Clip)))
        {
            for (int i = 0; i <= 15 && reader.Advance(); i++)
            {
                if (i % 5 != 0) { continue; }
                var picture = new SampledPicture();
                picture.Load(reader, i);
                gray[i] = picture.Gray.ToArray();
                width = picture.Width;
            }
        }
        foreach (var (i, farneback, dis) in new[] { (0, 3.38725, 116.58181), (5, 1.59775, 67.82125), (10, 1.46273, 47.47148) })
        {
            float[] flow = new float[2 * gray[i].Length];
            OpticalFlow.Farneback(gray[i], gray[i + 5], width, FarnebackOptions.DataJuicer, flow);
            MeanLength(flow).ShouldBe(farneback, 1e-3);
            // Fog: DIS finds hundreds of pixels of motion where there is nothing to see, and the way back does not confirm it.
            OpticalFlow.Dis(gray[i], gray[i + 5], width, DisPreset.UltraFast, flow);
            MeanLength(flow).ShouldBe(dis, 0.02 * dis);
            float[] back = new float[flow.Length];
            OpticalFlow.Dis(gray[i + 5], gray[i], width, DisPreset.UltraFast, back);
            var pair = FlowPair.Of(flow, back, gray[i], width, (i, 0), (i + 5, 5 / 24.0));
            pair.Followed.ShouldBeLessThan(FlowPairs.LeastFollowed);
        }
    }

    // Oracle: cv2 4.6.0 on the gray frames 0, 12, 24, 36 and 48 of 24 a second, as Data-Juicer samples them: mean of cartToPolar's magnitude of
    // calcOpticalFlowFarneback(a, b, None, .5, 3, 15, 3, 5, 1.2, 0).
    [NeedsVisionFact]
    public void DataJuicersMotion_OnARealClip_IsTheNumberOfThePythonBinding_AndOffUnlessAskedFor()
    {
        double[] lengths = [2.19216013, 4.63321733, 6.44136620, 4.78304195];
        using var scorer = new OpenCvFlowScorer(dataJuicer: true);
        using var pass = scorer.Begin();
        using var other = new OpenCvFlowScorer().Begin();
        using (var reader = AnalysisReader.Open(Fixture.Path(Clip)))
        {
            var picture = new SampledPicture();
            for (int i = 0; i <= 48 && reader.Advance(); i++)
            {
                if (i % 12 != 0) { continue; }
                picture.Load(reader, i);
                pass.Add(picture, null);
            }
        }
        Motion(pass, 0, 49).Value!.Value.ShouldBe(lengths.Average(), 1e-3);
        // Only pairs that lie in the clip count.
        Motion(pass, 5, 48).Value!.Value.ShouldBe((lengths[1] + lengths[2]) / 2, 1e-3);
        Motion(pass, 1, 24).Unavailable.ShouldNotBeNull();
        Motion(other, 0, 49).Unavailable.ShouldNotBeNull().ShouldContain("data_juicer_motion");
        scorer.Identity.ShouldNotBe(new OpenCvFlowScorer().Identity);
    }

    private static Score Motion(IClipScorerPass pass, long from, long to) => pass.Score(new ClipMeasures
    {
        Id = Guid.Empty, StartFrame = from, EndFrame = to, Frames = to - from, StartTime = from / 24.0, EndTime = to / 24.0, Scores = [], Hashes = [], Color = [],
    }).Single(score => score.Name == ScoreNames.DataJuicerMotion);

    [NeedsVisionFact]
    public void Dis_OnTheWorld_IsTheTrueFlow_AndTheFitIsTheCamera()
    {
        const int width = 256, height = 144, frames = 25;
        double error = 0, panError = 0, zoomError = 0;
        int scenes = 0;
        foreach (var camera in Enum.GetValues<CameraMove>())
        {
            for (ulong seed = 0; seed < 4; seed++)
            {
                var scene = SceneSampler.Sample(seed) with { Camera = camera };
                byte[] rgb = new byte[width * height * 3 * frames];
                Renderer.Render(scene, width, height, frames, rgb);
                byte[] a = Gray(rgb, 10, width, height), b = Gray(rgb, 11, width, height);
                float[] forward = new float[2 * a.Length], backward = new float[2 * a.Length], truth = new float[2 * a.Length];
                OpticalFlow.Dis(a, b, width, DisPreset.Medium, forward);
                OpticalFlow.Dis(b, a, width, DisPreset.Medium, backward);
                GroundTruth.Flow(scene, width, height, frames, 10, truth);
                var pair = FlowPair.Of(forward, backward, a, width, (10, 0), (11, 1.0 / 6));
                // The layer of the setting obeys the camera: its motion at the corners gives shift and zoom.
                var empty = scene with { Actors = [] };
                float[] setting = new float[2 * a.Length];
                GroundTruth.Flow(empty, width, height, frames, 10, setting);
                double pan = (setting[0] + setting[2 * (width - 1)]) / 2, zoom = (setting[2 * (width - 1)] - setting[0]) / (width - 1);
                var found = pair.Camera.ShouldNotBeNull();
                scenes++;
                panError += Math.Abs(found.PanX - pan);
                zoomError += Math.Abs(found.Zoom - zoom);
                error += Error(forward, truth);
            }
        }
        // The true pan is 2.1 pixels, the true zoom 0.0083; actors move by up to ten.
        (panError / scenes).ShouldBeLessThan(0.05);
        (zoomError / scenes).ShouldBeLessThan(0.001);
        (error / scenes).ShouldBeLessThan(0.8);
    }

    [NeedsVisionFact]
    public void WrongSizes_AreRefusedWithTheirNumbers()
    {
        var flow = new float[200];
        Should.Throw<VisionException>(() => OpticalFlow.Dis(new byte[100], new byte[100], 10, DisPreset.Fast, flow)).Message.ShouldContain("16");
        Should.Throw<ArgumentException>(() => OpticalFlow.Dis(new byte[100], new byte[90], 10, DisPreset.Fast, flow)).Message.ShouldContain("90");
        Should.Throw<VisionException>(() => OpticalFlow.Farneback(new byte[100], new byte[100], 10, FarnebackOptions.DataJuicer with { PolyN = 6 }, flow)).Message.ShouldContain("5 or 7");
    }

    private static double Error(float[] flow, float[] truth) =>
        Enumerable.Range(0, flow.Length / 2).Average(i => Math.Sqrt(Math.Pow(flow[2 * i] - truth[2 * i], 2) + Math.Pow(flow[(2 * i) + 1] - truth[(2 * i) + 1], 2)));

    private static double MeanLength(float[] flow) => Enumerable.Range(0, flow.Length / 2).Average(i => Math.Sqrt((flow[2 * i] * (double)flow[2 * i]) + (flow[(2 * i) + 1] * (double)flow[(2 * i) + 1])));

    private static byte[] Gray(byte[] rgb, int frame, int width, int height)
    {
        byte[] bgr = rgb.AsSpan(frame * width * height * 3, width * height * 3).ToArray(), gray = new byte[width * height];
        for (int i = 0; i < bgr.Length; i += 3) { (bgr[i], bgr[i + 2]) = (bgr[i + 2], bgr[i]); }
        ColorPlanes.Gray(bgr, gray);
        return gray;
    }
}
