// From the bytes of a clip to what I3D reads. The two protocols give different distances and must not be mixed.
// Sources: VideoGPT and StyleGAN-V as in JunyaoHu/common_metrics_on_video_quality (the shorter side to 224, center crop);
//   the original TensorFlow code and MAGVIT (both sides to 224).
//
// Shapes    F frames  H,W height, width  R = 224
// Numerics  Bilinear without antialiasing, pixel centers, float32.

using Kinora.Engine;

namespace Kinora.Evaluation.Features;

/// <summary>How frames become 224×224.</summary>
public enum FvdResize
{
    /// <summary>The shorter side to 224, the other rounded up, then the center.</summary>
    CenterCrop,

    /// <summary>Both sides to 224, whatever the aspect.</summary>
    Stretch,
}

/// <summary>Frames for the Fréchet video distance.</summary>
public static class FvdPreprocessing
{
    /// <summary>Bytes [F, H, W, 3] to float32 [3, F, R, R] in [−1, 1].</summary>
    public static Tensor Prepare(Tensor frames, int size, FvdResize resize)
    {
        ArgumentNullException.ThrowIfNull(frames);
        using var scope = TensorScope.Enter();
        var (f, h, w, c) = frames.Dims4();
        if (c != 3)
            throw new ShapeException($"FVD: expected frames [F, H, W, 3], got [{string.Join(", ", frames.Shape)}].");
        var x = frames.Permute(0, 3, 1, 2).To(DType.Float32) / 255.0;                            // [F, 3, H, W]
        if (resize == FvdResize.Stretch)
        {
            x = F.InterpolateBilinear(x, size, size);
        }
        else
        {
            double scale = (double)size / Math.Min(h, w);
            long newH = h < w ? size : (long)Math.Ceiling(h * scale), newW = h < w ? (long)Math.Ceiling(w * scale) : size;
            x = F.InterpolateBilinear(x, newH, newW);
            x = x.Narrow(2, (newH - size) / 2, size).Narrow(3, (newW - size) / 2, size);
        }
        return scope.Keep(((x - 0.5) * 2.0).Permute(1, 0, 2, 3).Contiguous());
    }

    /// <summary>The protocol in words, for the passport.</summary>
    public static string Describe(int size, FvdResize resize) => resize == FvdResize.CenterCrop
        ? $"shorter side to {size}, bilinear without antialiasing, center crop, [-1, 1]"
        : $"both sides to {size}, bilinear without antialiasing, [-1, 1]";
}
