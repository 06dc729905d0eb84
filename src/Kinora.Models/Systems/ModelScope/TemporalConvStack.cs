using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.ModelScope;

// Four convolutions along the frames, each after norm and SiLU, around a shortcut. The last starts at zero, so that a fresh stack changes nothing.
// Paper: Wang et al., "ModelScope Text-to-Video Technical Report", arXiv:2308.06571, section 3.2 (temporal convolution).
// Names follow huggingface/diffusers d035dcd7, models/resnet.py (TemporalConvLayer).
//
// Shapes    B clips  F frames  C channels
// Numerics  group norms, over all frames together, accumulate in float32; convolutions run in the autocast type.
internal sealed class TemporalConvStack : Module
{
    private const double Eps = 1e-5;
    private readonly (GroupNorm Norm, TemporalConv Conv)[] _layers;

    public TemporalConvStack(ParameterPath path, int channels, int groups) : base(path)
    {
        // Places in the published list of layers: norm, SiLU, convolution; from the second on, dropout stands before the convolution.
        const int First = 2, Others = 3;
        _layers =
        [
            Layer(path["conv1"], First, Init.TorchLinear), Layer(path["conv2"], Others, Init.TorchLinear),
            Layer(path["conv3"], Others, Init.TorchLinear), Layer(path["conv4"], Others, Init.Zeros),
        ];

        (GroupNorm, TemporalConv) Layer(ParameterPath layer, int convPlace, Init init) => (new GroupNorm(layer[0], groups, channels, Eps), new TemporalConv(layer[convPlace], channels, channels, init));
    }

    public Tensor Forward(Tensor x, long frames)                                                 // [B·F, C, H, W]
    {
        using var scope = TensorScope.Enter();
        var clip = VideoLayout.ToClip(x, frames);                                                // [B, C, F, H·W]
        var h = clip;
        foreach (var (norm, conv) in _layers) h = conv.Forward(F.Silu(norm.Forward(h)));
        return scope.Keep(ForwardTrace.Report(this, VideoLayout.ToPictures(clip + h, x.Size(2), x.Size(3)))); // [B·F, C, H, W]
    }
}
