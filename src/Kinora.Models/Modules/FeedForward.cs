using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Modules;

// The transformer's two-layer perceptron with the tanh form of GELU.
// Paper: Vaswani et al., "Attention Is All You Need", arXiv:1706.03762, section 3.3; GELU: arXiv:1606.08415.
public sealed class FeedForward : Module
{
    private readonly Linear _fc1, _fc2;

    public FeedForward(ParameterPath path, int dim, int hiddenDim, Init? outInit = null) : base(path)
    {
        _fc1 = new Linear(path["fc1"], dim, hiddenDim, init: Init.XavierUniform);
        _fc2 = new Linear(path["fc2"], hiddenDim, dim, init: outInit ?? Init.XavierUniform);
    }

    public Tensor Forward(Tensor x)                                                              // [..., D]
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(_fc2.Forward(F.GeluTanh(_fc1.Forward(x))));                            // [..., D]
    }

    /// <summary>Floating point operations for <paramref name="tokens"/> rows.</summary>
    public static long Flops(long tokens, long dim, long hiddenDim) => 4 * tokens * dim * hiddenDim;
}
