using Kinora.Engine;

namespace Kinora.Models.Modules;

// A convolution along the frames alone: a 3-D convolution with kernel (3, 1, 1). Rows and columns are only carried along, so it runs as a
// 2-D convolution over [frames, positions], which keeps channels-last memory as it is.
//
// Shapes    B batch  C, C' channels in and out  F frames  P positions of a frame (H·W)
// Numerics  in the autocast type.
public sealed class TemporalConv : Module
{
    private const int Kernel = 3;
    private readonly Weight _weight;
    private readonly Tensor _bias;

    public TemporalConv(ParameterPath path, int inChannels, int outChannels, Init? init = null) : base(path)
    {
        _weight = path.CreateWeight("weight", [outChannels, inChannels, Kernel, 1, 1], init ?? Init.TorchLinear);
        _bias = path.Create("bias", [outChannels], init is null ? Init.TorchBias(inChannels * Kernel) : Init.Zeros);
    }

    public Tensor Forward(Tensor x)                                                              // [B, C, F, P]
    {
        using var scope = TensorScope.Enter();
        var t = Autocast.Target ?? _weight.DType;
        Tensor input = x.To(t);
        return scope.Keep(_weight.Apply(t, _bias.To(t), (w, b) => F.Conv2d(input, w.Flatten(3), b, padding: (1, 0)), channels: 1)); // [B, C', F, P]
    }
}
