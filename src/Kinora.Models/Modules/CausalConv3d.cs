using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Modules;

// A 3×3×3 convolution that sees the present frame and the two before it, never a later one.
// Time before the first frame repeats the first frame, so that a still image is a clip that does not move.
//
// Shapes    B batch  F frames  H,W height, width  C channels; channels are last in memory throughout
// Numerics  runs in the autocast type and returns it.
public sealed class CausalConv3d : Module
{
    private const int Kernel = 3;
    private const int Past = Kernel - 1;
    private readonly Conv3d _conv;

    public CausalConv3d(ParameterPath path, int inChannels, int outChannels, Init? init = null) : base(path) =>
        _conv = new Conv3d(path, inChannels, outChannels, Kernel, padding: new Size3(0, 1, 1), init: init);

    /// <summary>Convolves a whole clip, or with <paramref name="history"/> the next part of one.</summary>
    public Tensor Forward(Tensor x, CausalHistory? history = null)                               // [B, F, H, W, C]
    {
        using var scope = TensorScope.Enter();
        x = Autocast.Target is { } dtype ? x.To(dtype) : x;
        var past = history?.Past(this) ?? First(x);
        var padded = Tensor.Cat([past, x], 1);                                                   // [B, 2 + F, H, W, C]
        history?.Remember(this, padded.Narrow(1, padded.Size(1) - Past, Past));
        var y = _conv.Forward(padded.Permute(0, 4, 1, 2, 3)).Permute(0, 2, 3, 4, 1);
        return scope.Keep(y.Contiguous());                                                       // [B, F, H, W, C']
    }

    private static Tensor First(Tensor x)
    {
        var first = x.Narrow(1, 0, 1);
        return first.Expand(first.Size(0), Past, first.Size(2), first.Size(3), first.Size(4));
    }

    /// <summary>Floating point operations of one clip (a multiply-add counts as two).</summary>
    public static long Flops(long frames, long height, long width, long inChannels, long outChannels) =>
        2 * frames * height * width * inChannels * outChannels * Kernel * Kernel * Kernel;
}
