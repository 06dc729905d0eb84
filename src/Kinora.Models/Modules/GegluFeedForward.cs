using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Modules;

// A perceptron whose hidden layer is gated by GELU: W₂(a · GELU(g)), [a, g] = W₁x.
// Paper: Shazeer, "GLU Variants Improve Transformer", arXiv:2002.05202. Names follow huggingface/diffusers d035dcd7, models/attention.py (FeedForward, GEGLU).
//
// Shapes    D width in  4D hidden  D' width out
public sealed class GegluFeedForward : Module
{
    private const int Ratio = 4;
    private readonly Linear _proj, _out;

    public GegluFeedForward(ParameterPath path, int dim, int? outDim = null) : base(path)
    {
        _proj = new Linear(path["net"][0]["proj"], dim, 2 * Ratio * dim, init: Init.TorchLinear);
        _out = new Linear(path["net"][2], Ratio * dim, outDim ?? dim, init: Init.TorchLinear);
    }

    public Tensor Forward(Tensor x)                                                              // [..., D]
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(_out.Forward(F.GatedGelu(_proj.Forward(x))));                          // [..., 8D] → [..., 4D] → [..., D']
    }
}
