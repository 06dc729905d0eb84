using Kinora.Engine;

namespace Kinora.Models.Systems.StableVideoDiffusion;

// How Stable Video Diffusion brings a picture to the size of its image encoder: a Gaussian blur as wide as the picture shrinks, then bicubic
// resampling. Source: huggingface/diffusers d035dcd7, pipelines/stable_video_diffusion (after kornia's resize with antialiasing).
//
// σ = max((input/output − 1)/2, 0.001) for each direction; the kernel reaches 2σ to both sides, at least one pixel, and its odd size is
// max(⌊4σ⌋, 3); borders are reflected.
internal static class SmoothResize
{
    private const double SmallestSigma = 0.001;
    private const int SmallestKernel = 3;

    /// <summary>[B, C, H, W] → [B, C, height, width].</summary>
    public static Tensor Forward(Tensor x, int height, int width)
    {
        using var scope = TensorScope.Enter();
        var (_, _, h, w) = x.Dims4();
        var smooth = Blur(Blur(x, Kernel((double)w / width), rows: true), Kernel((double)h / height), rows: false);
        return scope.Keep(F.InterpolateBicubicCorners(smooth, (height, width)));
    }

    private static float[] Kernel(double factor)
    {
        double sigma = Math.Max((factor - 1) / 2, SmallestSigma);
        int size = Math.Max((int)(4 * sigma), SmallestKernel);
        size += 1 - size % 2;
        double[] values = [.. Enumerable.Range(0, size).Select(i => Math.Exp(-Math.Pow(i - size / 2, 2) / (2 * sigma * sigma)))];
        return [.. values.Select(v => (float)(v / values.Sum()))];
    }

    // Every channel alone, along its rows or its columns.
    private static Tensor Blur(Tensor x, float[] kernel, bool rows)
    {
        var c = x.Size(1);
        long reach = kernel.Length / 2;
        Size2 shape = rows ? (1, kernel.Length) : (kernel.Length, 1);
        var weight = Tensor.FromArray(kernel, 1, 1, shape.Height, shape.Width).To(x.Device).Expand(c, 1, shape.Height, shape.Width);
        return F.Conv2d(F.ReflectionPad2d(x, rows ? [reach, reach, 0, 0] : [0, 0, reach, reach]), weight, groups: c);
    }
}
