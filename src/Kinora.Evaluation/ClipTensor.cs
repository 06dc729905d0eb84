using Kinora.Engine;

namespace Kinora.Evaluation;

/// <summary>Between the bytes of clips and tensors.</summary>
internal static class ClipTensor
{
    private const double HalfRange = 127.5;

    /// <summary>Bytes [B, F, H, W, 3] to float32 [B, 3, F, H, W] in [−1, 1].</summary>
    public static Tensor FromBytes(ReadOnlySpan<byte> rgb, int count, int frames, int height, int width, Device device)
    {
        using var scope = TensorScope.Enter();
        var bytes = Tensor.FromArray(rgb, [count, frames, height, width, 3]).To(device);
        return scope.Keep((bytes.Permute(0, 4, 1, 2, 3).Contiguous().To(DType.Float32) * (1 / HalfRange)).AddInPlace(-1.0));
    }

    /// <summary>Clips [B, 3, F, H, W] in [−1, 1] to bytes [B, F, H, W, 3]; values outside are clamped.</summary>
    public static byte[] ToBytes(Tensor clips)
    {
        using var scope = TensorScope.Enter();
        return ((clips.To(DType.Float32) + 1.0) * HalfRange).Clamp(0, 255).Round().To(DType.UInt8).Permute(0, 2, 3, 4, 1).Contiguous().To(Device.Cpu).ToArray<byte>();
    }
}
