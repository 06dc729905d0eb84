using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Modules;

// Doubles height and width by nearest neighbors, then a 3×3 convolution.
// Names follow huggingface/diffusers d035dcd7, models/upsampling.py (Upsample2D).
public sealed class Upsample2D : Module
{
    private const int Kernel = 3;
    private readonly Conv2d _conv;

    public Upsample2D(ParameterPath path, int channels) : base(path) => _conv = new Conv2d(path["conv"], channels, channels, Kernel, padding: 1);

    /// <param name="x">[B, C, H, W]</param>
    /// <param name="size">Height and width wanted, where an odd size was halved on the way down; twice the input's when null.</param>
    public Tensor Forward(Tensor x, Size2? size = null)
    {
        using var scope = TensorScope.Enter();
        var doubled = size is null || size == new Size2(2 * x.Size(2), 2 * x.Size(3));
        return scope.Keep(doubled ? _conv.ForwardDoubled(x) : _conv.Forward(F.InterpolateNearestTo(x, size!.Value))); // [B, C, 2H, 2W]
    }
}
