// Motion by OpenCV's optical flow, forward and back between small pictures a few frames apart. DIS runs wild in flat regions, and large motion escapes both:
// only pixels that the flow back confirms count. The camera is fitted to DIS. Farnebäck's parameters are those of Data-Juicer, which measures at coded size
// between frames half a second apart, so its thresholds do not carry over to that score. The score that is Data-Juicer's takes ten times as long as all else.
// Source of that: datajuicer/data-juicer 0740aba, data_juicer/ops/filter/video_motion_score_filter.py with its defaults (sampling_fps 2, size None, relative False):
// the mean over all pixels and sampled pairs. Its first pair, frames 0 and 1, comes from reading before seeking and is left out here.
using Kinora.Curation.Frames;
using Kinora.Vision;

namespace Kinora.Curation.Scores;

/// <summary>The optional scorer <see cref="ScorerSlot.OpenCv"/>; it needs the native vision library.</summary>
public sealed class OpenCvFlowScorer : IClipScorer
{
    // Longer sides in pixels that pictures shrink to by area average; Farnebäck takes ten times as long a pixel. DIS takes no shorter sides than the last.
    private const int DisSide = 256, FarnebackSide = 128, ShortestSide = 16;

    private readonly bool _dataJuicer;

    /// <param name="dataJuicer">Also measure <see cref="ScoreNames.DataJuicerMotion"/>.</param>
    /// <exception cref="VisionException">The library is unavailable.</exception>
    public OpenCvFlowScorer(bool dataJuicer = false)
    {
        _dataJuicer = dataJuicer;
        Identity = $"{VisionLibrary.Versions} dis medium {DisSide}, farneback {FarnebackSide}{(dataJuicer ? ", farneback of whole pictures" : "")}";
    }

    /// <inheritdoc/>
    public string Name => ScorerSlot.OpenCv;

    /// <inheritdoc/>
    public string Identity { get; }

    /// <inheritdoc/>
    public bool NeedsEarlier => true;

    /// <inheritdoc/>
    public IClipScorerPass Begin() => new Pass(_dataJuicer);

    /// <summary>Nothing is held.</summary>
    public void Dispose()
    {
    }

    private sealed class Pass(bool dataJuicer) : IClipScorerPass
    {
        private readonly List<FlowPair> _farneback = [], _dis = [];
        private readonly List<(long From, long To, double Length)> _whole = [];
        private (long Index, int Width, byte[] Gray) _before = (0, 0, []);

        public void Add(SampledPicture picture, SampledPicture? earlier)
        {
            if (dataJuicer) { MeasureWhole(picture); }
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
                WholeMotion(clip),
                .. CameraScores.Of([.. near.Select(p => new CameraPair(p.Followed >= FlowPairs.LeastFollowed ? p.Camera : null, p.Seconds, p.Width, p.Height))]),
            ];
        }

        public void Dispose()
        {
        }

        private Score WholeMotion(ClipMeasures clip)
        {
            if (!dataJuicer) { return Scores.Score.Missing(ScoreNames.DataJuicerMotion, "it is slow and off: \"data_juicer_motion\": true under measure in the recipe turns it on"); }
            double[] lengths = [.. _whole.Where(p => p.From >= clip.StartFrame && p.To < clip.EndFrame).Select(p => p.Length)];
            return lengths.Length == 0 ? Scores.Score.Missing(ScoreNames.DataJuicerMotion, "no two sampled pictures lie in the clip") : new Score(ScoreNames.DataJuicerMotion, Math.Round(lengths.Average(), 6), 1);
        }

        private void MeasureWhole(SampledPicture picture)
        {
            byte[] gray = picture.Gray.ToArray();
            if (_before.Width == picture.Width && _before.Gray.Length == gray.Length)
            {
                float[] flow = new float[2 * gray.Length];
                OpticalFlow.Farneback(_before.Gray, gray, picture.Width, FarnebackOptions.DataJuicer, flow);
                double sum = 0;
                for (int i = 0; i < flow.Length; i += 2) { sum += Math.Sqrt((flow[i] * (double)flow[i]) + (flow[i + 1] * (double)flow[i + 1])); }
                _whole.Add((_before.Index, picture.Index, sum / gray.Length));
            }
            _before = (picture.Index, picture.Width, gray);
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
