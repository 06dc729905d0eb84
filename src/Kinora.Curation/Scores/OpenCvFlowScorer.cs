// Motion by OpenCV's optical flow, forward and back between small pictures a few frames apart. DIS runs wild in flat regions, and large motion escapes both:
// only pixels that the flow back confirms count. The camera is fitted to DIS. Farnebäck's parameters are those of Data-Juicer, which measures at coded size
// between frames half a second apart, so its thresholds do not carry over.
using Kinora.Curation.Frames;
using Kinora.Vision;

namespace Kinora.Curation.Scores;

/// <summary>The optional scorer <see cref="ScorerSlot.OpenCv"/>; it needs the native vision library.</summary>
public sealed class OpenCvFlowScorer : IClipScorer
{
    // Longer sides in pixels that pictures shrink to by area average; Farnebäck takes ten times as long a pixel. DIS takes no shorter sides than the last.
    private const int DisSide = 256, FarnebackSide = 128, ShortestSide = 16;

    /// <exception cref="VisionException">The library is unavailable.</exception>
    public OpenCvFlowScorer() => Identity = $"{VisionLibrary.Versions} dis medium {DisSide}, farneback {FarnebackSide}";

    /// <inheritdoc/>
    public string Name => ScorerSlot.OpenCv;

    /// <inheritdoc/>
    public string Identity { get; }

    /// <inheritdoc/>
    public bool NeedsEarlier => true;

    /// <inheritdoc/>
    public IClipScorerPass Begin() => new Pass();

    /// <summary>Nothing is held.</summary>
    public void Dispose()
    {
    }

    private sealed class Pass : IClipScorerPass
    {
        private readonly List<FlowPair> _farneback = [], _dis = [];

        public void Add(SampledPicture picture, SampledPicture? earlier)
        {
            if (earlier is null || earlier.Index >= picture.Index || (earlier.Width, earlier.Height) != (picture.Width, picture.Height)) { return; }
            Measure(_dis, earlier, picture, DisSide, (a, b, width, flow) => OpticalFlow.Dis(a, b, width, DisPreset.Medium, flow));
            Measure(_farneback, earlier, picture, FarnebackSide, (a, b, width, flow) => OpticalFlow.Farneback(a, b, width, FarnebackOptions.DataJuicer, flow));
        }

        public void Finish()
        {
        }

        public IReadOnlyList<Score> Score(ClipMeasures clip)
        {
            var near = FlowPairs.Within(_dis, clip);
            return
            [
                FlowPairs.Mean(ScoreNames.FarnebackMotion, FlowPairs.Within(_farneback, clip), FlowPairs.Speed),
                FlowPairs.Mean(ScoreNames.DisMotion, near, FlowPairs.Speed),
                .. CameraScores.Of([.. near.Select(p => new CameraPair(p.Followed >= FlowPairs.LeastFollowed ? p.Camera : null, p.Seconds, p.Width, p.Height))]),
            ];
        }

        public void Dispose()
        {
        }

        private static void Measure(List<FlowPair> pairs, SampledPicture earlier, SampledPicture later, int side, Flow flow)
        {
            var (w, h) = SizeOf(later, side);
            if (Math.Min(w, h) < ShortestSide) { return; }
            byte[] a = Small(earlier, w, h), b = Small(later, w, h);
            float[] forward = new float[2 * a.Length], backward = new float[2 * a.Length];
            flow(a, b, w, forward);
            flow(b, a, w, backward);
            pairs.Add(FlowPair.Of(forward, backward, a, w, (earlier.Index, earlier.Time), (later.Index, later.Time)));
        }

        private static (int Width, int Height) SizeOf(SampledPicture picture, int side)
        {
            double factor = Math.Max(1, Math.Max(picture.Width, picture.Height) / (double)side);
            return (Math.Max(1, (int)Math.Round(picture.Width / factor)), Math.Max(1, (int)Math.Round(picture.Height / factor)));
        }

        private static byte[] Small(SampledPicture picture, int w, int h)
        {
            byte[] gray = new byte[w * h];
            if ((w, h) == (picture.Width, picture.Height)) { picture.Gray.CopyTo(gray); }
            else { AreaResize.Shrink(picture.Gray, picture.Width, picture.Height, gray, w, h); }
            return gray;
        }
    }

    private delegate void Flow(byte[] from, byte[] to, int width, float[] flow);
}
