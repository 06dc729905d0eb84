using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Modules;

// A 3×3 convolution of every frame by itself: frames fold into the batch.
//
// Shapes    [B, F, H, W, C], channels last in memory, so that the permuted view below is torch's channels_last and nothing is copied.
// Numerics  runs in the autocast type and returns it.
public sealed class FrameConv2d : Module
{
    private const int Kernel = 3;
    private readonly Conv2d _conv;

    public FrameConv2d(ParameterPath path, int inChannels, int outChannels, Init? init = null) : base(path) =>
        _conv = new Conv2d(path, inChannels, outChannels, Kernel, padding: 1, init: init);

    public Tensor Forward(Tensor x)                                                              // [B, F, H, W, C]
    {
        using var scope = TensorScope.Enter();
        var (b, f, h, w, c) = x.Dims5();
        var frames = x.Reshape(b * f, h, w, c).Permute(0, 3, 1, 2);                              // [B·F, C, H, W]
        var y = _conv.Forward(frames).Permute(0, 2, 3, 1).Contiguous();
        return scope.Keep(y.View(b, f, h, w, y.Size(3)));                                        // [B, F, H, W, C']
    }

    /// <summary>Floating point operations of one clip (a multiply-add counts as two).</summary>
    public static long Flops(long frames, long height, long width, long inChannels, long outChannels) =>
        2 * frames * height * width * inChannels * outChannels * Kernel * Kernel;
}
