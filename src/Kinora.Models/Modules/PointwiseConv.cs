using Kinora.Engine;

namespace Kinora.Models.Modules;

// A convolution of extent 1 in every direction, computed as the matrix product that it is.
//
// Shapes    [.., C] → [.., C'], channels last in memory; the weight is stored [C', C, 1, 1] or [C', C, 1, 1, 1] as published.
// Numerics  runs in the autocast type and returns it.
public sealed class PointwiseConv : Module
{
    private readonly Weight _weight;
    private readonly Tensor _bias;

    /// <param name="path">Where <c>weight</c> and <c>bias</c> stand.</param>
    /// <param name="inChannels">C</param>
    /// <param name="outChannels">C'</param>
    /// <param name="dimensions">How many directions the published kernel has: 2 or 3.</param>
    public PointwiseConv(ParameterPath path, int inChannels, int outChannels, int dimensions) : base(path)
    {
        long[] shape = [outChannels, inChannels, .. Enumerable.Repeat(1L, dimensions)];
        _weight = path.CreateWeight("weight", shape, Init.TorchLinear);
        _bias = path.Create("bias", [outChannels], Init.TorchBias(inChannels));
    }

    public Tensor Forward(Tensor x)
    {
        using var scope = TensorScope.Enter();
        var t = Autocast.Target ?? _weight.DType;
        Tensor input = x.To(t);
        return scope.Keep(_weight.Apply(t, _bias.To(t), (w, b) => F.Linear(input, w.Flatten(1), b), channels: -1));
    }
}
