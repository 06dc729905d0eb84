// Scores of a clip from the numbers of its frames.
using System.Globalization;
using Kinora.Media;
using Kinora.World.Datasets;

namespace Kinora.Curation.Scores;

internal static class ClipScorer
{
    private const double BlackPicture = 0.98, FrozenDifference = 0.001 * 255;
    private const int MaxHashes = 8;
    private const string NoPicture = "no picture of the clip was sampled";

    /// <summary>Scores frames [first, <paramref name="endFrame"/>) that are shown until <paramref name="end"/>.</summary>
    public static ClipMeasures Score(string sha256, List<FrameMeasures> frames, List<PictureMeasures> samples, long endFrame, Rational end, int shortSide, (int Width, int Height) size, ThumbnailStore thumbnails)
    {
        double start = frames[0].Time.ToDouble(), stop = end.ToDouble();
        // The first frame of a clip is compared with a frame of another clip.
        var pairs = frames.Skip(1).ToList();
        var scores = new List<Score>
        {
            new(ScoreNames.Seconds, Round(stop - start), 1),
            new(ScoreNames.ShortSide, shortSide, 1),
            new(ScoreNames.BlackShare, Round((double)frames.Count(f => f.Luma.DarkShare >= BlackPicture) / frames.Count), 1),
        };
        scores.AddRange(Frozen(pairs, end));
        scores.Add(Mean(ScoreNames.VmafMotion, pairs, f => f.Luma.Motion, "a clip of one frame has no motion"));
        scores.AddRange(Codec(samples));
        scores.AddRange(CameraScores.Of([.. samples.Where(s => s.CameraFrom >= frames[0].Index && s.CameraSeconds > 0).Select(s => new CameraPair(s.Camera, s.CameraSeconds, size.Width, size.Height))]));
        scores.Add(Mean(ScoreNames.SpatialInformation, frames, f => f.Luma.SpatialInformation, ""));
        scores.Add(Mean(ScoreNames.TemporalInformation, pairs, f => f.Luma.TemporalInformation, "a clip of one frame has no motion"));
        scores.Add(Mean(ScoreNames.Sharpness, samples, s => s.Laplacian, NoPicture));
        scores.Add(Mean(ScoreNames.Blockiness, samples, s => s.Blockiness, NoPicture));
        scores.Add(LetterboxOf(samples));
        scores.Add(Mean(ScoreNames.Colorfulness, samples, s => s.Colorfulness, NoPicture));
        scores.AddRange(Tint(samples));
        scores.Add(Mean(ScoreNames.Exposure, frames, f => f.Luma.Mean, ""));
        scores.Add(Mean(ScoreNames.ClippedDark, samples, s => s.Dark, NoPicture));
        scores.Add(Mean(ScoreNames.ClippedBright, samples, s => s.Bright, NoPicture));
        scores.Add(Mean(ScoreNames.Contrast, samples, s => s.Deviation / 255, NoPicture));
        scores.Add(Mean(ScoreNames.Thirds, samples, s => s.Thirds, NoPicture));
        return new ClipMeasures
        {
            Id = ManifestRow.ClipId(sha256, start, stop), StartFrame = frames[0].Index, EndFrame = endFrame, Frames = frames.Count, StartTime = start, EndTime = stop,
            Scores = scores, Hashes = Hashes(samples), Color = Color(samples), Thumbnail = samples.Count > 0 ? Convert.ToBase64String(ImageFile.EncodePng(thumbnails.Read(samples[samples.Count / 2].Thumbnail))) : null,
        };
    }

    private static IEnumerable<Score> Frozen(List<FrameMeasures> pairs, Rational end)
    {
        const string reason = "a clip of one frame cannot freeze";
        if (pairs.Count == 0) { return [Scores.Score.Missing(ScoreNames.FreezeShare, reason), Scores.Score.Missing(ScoreNames.FreezeLongest, reason)]; }
        int frozen = 0;
        double longest = 0;
        double? since = null;
        for (int i = 0; i < pairs.Count; i++)
        {
            double next = (i + 1 < pairs.Count ? pairs[i + 1].Time : end).ToDouble();
            if (pairs[i].Luma.Difference > FrozenDifference)
            {
                since = null;
                continue;
            }
            frozen++;
            since ??= pairs[i].Time.ToDouble();
            longest = Math.Max(longest, next - since.Value);
        }
        return [new Score(ScoreNames.FreezeShare, Round((double)frozen / pairs.Count), 1), new Score(ScoreNames.FreezeLongest, Round(longest), 1)];
    }

    private static IEnumerable<Score> Codec(List<PictureMeasures> samples)
    {
        const string reason = "the codec exports no motion vectors";
        CodecMotion[] known = [.. samples.Select(s => s.Motion).OfType<CodecMotion>()];
        if (known.Length == 0) { return [Scores.Score.Missing(ScoreNames.CodecMotion, samples.Count == 0 ? NoPicture : reason), Scores.Score.Missing(ScoreNames.CodecMotionPatch, samples.Count == 0 ? NoPicture : reason)]; }
        double confidence = Round((double)known.Length / samples.Count);
        var patches = Enumerable.Range(0, known[0].Patches.Length).Select(i => known.Average(m => m.Patches[i])).ToList();
        return
        [
            new Score(ScoreNames.CodecMotion, RoundFine(known.Average(m => m.Mean)), confidence),
            patches.Count > 0 ? new Score(ScoreNames.CodecMotionPatch, RoundFine(patches.Min()), confidence) : Scores.Score.Missing(ScoreNames.CodecMotionPatch, "the picture is smaller than 256 pixels"),
        ];
    }

    // Hexagonal hue and chroma of the mean color, as in HSV.
    private static Score[] Tint(List<PictureMeasures> samples)
    {
        if (samples.Count == 0) { return [Scores.Score.Missing(ScoreNames.Hue, NoPicture), Scores.Score.Missing(ScoreNames.Chroma, NoPicture)]; }
        double[] rgb = [.. Enumerable.Range(0, 3).Select(c => samples.Average(s => s.Color[c]))];
        double max = rgb.Max(), chroma = max - rgb.Min();
        double sixth = max == rgb[0] ? (rgb[1] - rgb[2]) / chroma : max == rgb[1] ? 2 + ((rgb[2] - rgb[0]) / chroma) : 4 + ((rgb[0] - rgb[1]) / chroma);
        return
        [
            chroma > 0 ? new Score(ScoreNames.Hue, Round(((60 * sixth) + 360) % 360), 1) : Scores.Score.Missing(ScoreNames.Hue, "the mean color is gray"),
            new Score(ScoreNames.Chroma, Round(chroma), 1),
        ];
    }

    private static Score LetterboxOf(List<PictureMeasures> samples)
    {
        if (samples.Count == 0) { return Scores.Score.Missing(ScoreNames.Letterbox, NoPicture); }
        PictureMeasures[] lit = [.. samples.Where(s => s.Bars is not null)];
        if (lit.Length == 0) { return Scores.Score.Missing(ScoreNames.Letterbox, "every sampled picture is black"); }
        double share = lit.Min(s => s.BarShare);
        return new Score(ScoreNames.Letterbox, Round(share), Round((double)lit.Length / samples.Count));
    }

    private static Score Mean<T>(string name, List<T> items, Func<T, double> value, string missing)
    {
        if (items.Count == 0) { return Scores.Score.Missing(name, missing); }
        return new Score(name, Round(items.Average(value)), 1);
    }

    private static List<string> Hashes(List<PictureMeasures> samples)
    {
        int n = Math.Min(samples.Count, MaxHashes);
        return [.. Enumerable.Range(0, n).Select(i => samples[n == 1 ? 0 : i * (samples.Count - 1) / (n - 1)].Hash.ToString("x16", CultureInfo.InvariantCulture))];
    }

    private static List<int> Color(List<PictureMeasures> samples) =>
        samples.Count == 0 ? [] : [.. Enumerable.Range(0, 3).Select(c => (int)Math.Round(samples.Average(s => s.Color[c])))];

    private static double Round(double value) => Math.Round(value, 6);

    private static double RoundFine(double value) => Math.Round(value, 10);
}
