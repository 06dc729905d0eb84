using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Modules;

// Halves height and width by a 3×3 convolution of stride 2.
// Names follow huggingface/diffusers d035dcd7, models/downsampling.py (Downsample2D); padding 0 there means one row below and one column to the
// right, as the autoencoder's encoder has it.
public sealed class Downsample2D : Module
{
    private const int Kernel = 3;
    private readonly Conv2d _conv;
    private readonly bool _asymmetric;

    /// <param name="path">Where the parameters stand.</param>
    /// <param name="channels">C.</param>
    /// <param name="padding">1 on all sides, or 0 for below and right only.</param>
    public Downsample2D(ParameterPath path, int channels, int padding = 1) : base(path)
    {
        _conv = new Conv2d(path["conv"], channels, channels, Kernel, stride: 2, padding: padding);
        _asymmetric = padding == 0;
    }

    public Tensor Forward(Tensor x)                                                              // [B, C, H, W] → [B, C, H/2, W/2]
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(_conv.Forward(_asymmetric ? F.Pad(x, [0, 1, 0, 1]) : x));
    }
}
