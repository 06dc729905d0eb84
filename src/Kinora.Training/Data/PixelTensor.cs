using Kinora.Engine;

namespace Kinora.Training.Data;

/// <summary>Between bytes and tensors.</summary>
internal static class PixelTensor
{
    /// <summary>Bytes [B, F, H, W, 3] to float32 [B, 3, F, H, W] in [−1, 1].</summary>
    public static Tensor ToModel(ReadOnlySpan<byte> pixels, int count, int frames, int height, int width, Device device)
    {
        using var scope = TensorScope.Enter();
        var bytes = Tensor.FromArray(pixels, [count, frames, height, width, 3]).To(device);
        return scope.Keep((bytes.Permute([0, 4, 1, 2, 3]).Contiguous().To(DType.Float32) * (2.0 / 255.0)).AddInPlace(-1.0));
    }

    /// <summary>One clip [3, F, H, W] in [−1, 1] to bytes [F, H, W, 3].</summary>
    public static byte[] ToBytes(Tensor clip)
    {
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        return ((clip.To(DType.Float32) + 1.0) * 127.5).Clamp(0, 255).Round().Permute([1, 2, 3, 0]).To(DType.UInt8).To(Device.Cpu).Contiguous().ToArray<byte>();
    }
}
