using Kinora.Engine;
using Kinora.Media;
using Kinora.Models.Diffusion;

namespace Kinora.Models.Generation;

/// <summary>Between frames of bytes and the tensors that codecs take: 0…255 ↔ −1…1.</summary>
internal static class FramePixels
{
    /// <summary>Frames of one size as [1, 3, F, H, W] in float32.</summary>
    public static Tensor ToModel(IReadOnlyList<VideoFrame> frames)
    {
        using var scope = TensorScope.Enter();
        Tensor bytes = Tensor.FromArray<byte>([.. frames.SelectMany(f => f.Rgb)], 1, frames.Count, frames[0].Height, frames[0].Width, 3);
        return scope.Keep(bytes.Permute(0, 4, 1, 2, 3).To(DType.Float32).Contiguous() * (2.0 / 255.0) - 1.0); // [1, 3, F, H, W]
    }

    /// <summary>The frames of one clip of [B, 3, F, H, W]; values beyond ±1 are clamped.</summary>
    /// <exception cref="NumericException">Some are no numbers.</exception>
    public static VideoFrame[] FromModel(Tensor pixels, int clip)
    {
        using var scope = TensorScope.Enter();
        FiniteValues.AfterDecoding(pixels);
        Tensor bytes = ((pixels.Select(0, clip).To(DType.Float32) + 1.0) * 127.5).Round().Clamp(0, 255).Permute(1, 2, 3, 0).To(DType.UInt8).To(Device.Cpu).Contiguous(); // [F, H, W, 3]
        var (f, h, w, _) = bytes.Dims4();
        return [.. Enumerable.Range(0, (int)f).Select(i => new VideoFrame((int)w, (int)h, bytes.Select(0, i).ToArray<byte>()))];
    }
}
