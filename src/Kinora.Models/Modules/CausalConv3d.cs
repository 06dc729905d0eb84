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
    public Tensor Forward(Tensor x, CausalHistory? history = null) => Forward(x, history, 0, x.Size(2)); // [B, F, H, W, C]

    /// <summary>The same strip by strip.</summary>
    internal FeatureRows Forward(FeatureRows x, CausalHistory history) => x.Convolved((rows, top) => Forward(rows, history, top, x.Height));

    /// <param name="x">Rows of a map, [B, F, rows, W, C].</param>
    /// <param name="history">The clip's past.</param>
    /// <param name="top">The first row.</param>
    /// <param name="height">Rows of the whole map.</param>
    internal Tensor Forward(Tensor x, CausalHistory? history, long top, long height)
    {
        using var scope = TensorScope.Enter();
        x = Autocast.Target is { } dtype ? x.To(dtype) : x;
        var past = history?.Past(this, top, x.Size(2)) ?? First(x);
        var padded = Tensor.Cat([past, x], 1);                                                   // [B, 2 + F, H, W, C]
        history?.Remember(this, padded.Narrow(1, padded.Size(1) - Past, Past), top, height);
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
