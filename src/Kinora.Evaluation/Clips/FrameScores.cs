// What can be said about a clip's frames without any network. Flickering is VBench's definition (vbench/temporal_flickering.py), which needs no
// weights; VBench takes it of clips that a filter found to stand still, so compare it for such clips. The name beginning with "vbl." is our own:
// VBench's motion smoothness interpolates by a network, and the numbers must not be compared.

using Kinora.Evaluation.Frames;
using Kinora.Media;

namespace Kinora.Evaluation.Clips;

/// <summary>Scores of single clips and of pairs of clips.</summary>
public static class FrameScores
{
    /// <summary>Mean squared difference of consecutive frames in 0..255, by name.</summary>
    public const string PixelMse = "pixel-mse";

    /// <summary>(255 − mean absolute difference of consecutive frames) / 255.</summary>
    public const string Flicker = "vbench.temporal-flickering";

    /// <summary>(255 − mean absolute difference of a frame from the mean of its neighbors) / 255.</summary>
    public const string Smoothness = "vbl.linear-smoothness";

    /// <summary>Scores of change over time; they are highest for a clip that does not move.</summary>
    /// <exception cref="EvaluationException">The clip has fewer than 3 frames.</exception>
    public static IReadOnlyDictionary<string, double> OverTime(Clip clip)
    {
        ArgumentNullException.ThrowIfNull(clip);
        if (clip.Frames.Count < 3)
            throw new EvaluationException($"{Words.Count(clip.Frames.Count, "frame")}: scores over time need at least 3");
        double square = 0, absolute = 0, bend = 0;
        for (int i = 1; i < clip.Frames.Count; i++)
        {
            byte[] a = clip.Frames[i - 1].Rgb, b = clip.Frames[i].Rgb;
            square += PeakSignalToNoise.MeanSquare(a, b);
            absolute += PeakSignalToNoise.MeanAbsolute(a, b);
            if (i + 1 < clip.Frames.Count)
                bend += Bend(a, b, clip.Frames[i + 1].Rgb);
        }
        int pairs = clip.Frames.Count - 1;
        return new Dictionary<string, double>(StringComparer.Ordinal) { [PixelMse] = square / pairs, [Flicker] = (255 - absolute / pairs) / 255, [Smoothness] = (255 - bend / (pairs - 1)) / 255 };
    }

    /// <summary>Mean PSNR and SSIM of the frames of two clips of equal size and length.</summary>
    /// <exception cref="EvaluationException">The clips differ in size or length.</exception>
    public static IReadOnlyDictionary<string, double> Against(Clip clip, Clip reference)
    {
        ArgumentNullException.ThrowIfNull(clip);
        ArgumentNullException.ThrowIfNull(reference);
        if (clip.Width != reference.Width || clip.Height != reference.Height || clip.Frames.Count != reference.Frames.Count)
            throw new EvaluationException($"{clip.Width}×{clip.Height}, {clip.Frames.Count} frames, but its reference is {reference.Width}×{reference.Height}, {reference.Frames.Count} frames");
        double psnr = 0, ssim = 0;
        for (int i = 0; i < clip.Frames.Count; i++)
        {
            byte[] a = clip.Frames[i].Rgb, b = reference.Frames[i].Rgb;
            psnr += Math.Min(PeakSignalToNoise.Of(a, b), MaxPsnr);
            ssim += StructuralSimilarity.Of(a, b, clip.Width, clip.Height, 3, SimilarityWindow.Gaussian);
        }
        return new Dictionary<string, double>(StringComparer.Ordinal) { ["psnr"] = psnr / clip.Frames.Count, ["ssim"] = ssim / clip.Frames.Count };
    }

    // An equal frame would make the mean infinite.
    private const double MaxPsnr = 100;

    private static double Bend(byte[] before, byte[] frame, byte[] after)
    {
        long sum = 0;
        for (int i = 0; i < frame.Length; i++)
            sum += Math.Abs(2 * frame[i] - before[i] - after[i]);
        return sum / (2.0 * frame.Length);
    }
}
