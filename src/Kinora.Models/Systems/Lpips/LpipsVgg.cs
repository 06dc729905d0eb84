// LPIPS: how different two pictures look, as a weighted distance of VGG-16 activations.
// Paper: Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric", arXiv:1801.03924.
// Parameter names follow CompVis/taming-transformers at 3ba01b241669f5ade541ce990f7650a3b8f65318 (taming/modules/losses/lpips.py).
//
// Shapes    B pictures  H,W height, width
// Numerics  Distances are float32; convolutions run in the autocast type.

using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Systems.Lpips;

/// <summary>The distance with VGG-16 features and learned channel weights.</summary>
public sealed class LpipsVgg : Module
{
    private const double Eps = 1e-10;

    // VGG-16 up to relu5_3: channels of each convolution, one list for each of the five activations compared.
    private static readonly (int First, int[] Channels)[] Slices = [(0, [64, 64]), (5, [128, 128]), (10, [256, 256, 256]), (17, [512, 512, 512]), (24, [512, 512, 512])];

    private readonly Tensor _shift, _scale;
    private readonly Conv2d[][] _slices;
    private readonly Tensor[] _weights;

    public LpipsVgg(ParameterPath path) : base(path)
    {
        ArgumentNullException.ThrowIfNull(path);
        _shift = path["scaling_layer"].Create("shift", [1, 3, 1, 1], Init.Zeros);
        _scale = path["scaling_layer"].Create("scale", [1, 3, 1, 1], Init.Ones);
        _slices = new Conv2d[Slices.Length][];
        int channels = 3;
        for (int s = 0; s < Slices.Length; s++)
        {
            var (first, widths) = Slices[s];
            _slices[s] = new Conv2d[widths.Length];
            for (int i = 0; i < widths.Length; i++)
            {
                _slices[s][i] = new Conv2d(path["net"][$"slice{s + 1}"][first + 2 * i], channels, widths[i], 3, padding: 1);
                channels = widths[i];
            }
        }
        _weights = [.. Slices.Select((s, i) => path[$"lin{i}"]["model"][1].Create("weight", [1, s.Channels[^1], 1, 1], Init.Zeros))];
    }

    /// <summary>Distances [B, 1, 1, 1] of pictures [B, 3, H, W] in [−1, 1].</summary>
    public Tensor Forward(Tensor a, Tensor b)
    {
        using var scope = TensorScope.Enter();
        var x = (a - _shift) / _scale;
        var y = (b - _shift) / _scale;
        Tensor? sum = null;
        for (int s = 0; s < _slices.Length; s++)
        {
            x = Slice(s, x);
            y = Slice(s, y);
            var difference = (Unit(x) - Unit(y)).Square();                                      // [B, C, h, w]
            var weighted = (difference * _weights[s]).Sum([1], keepDim: true).Mean([2, 3], keepDim: true);
            sum = sum is null ? weighted : sum + weighted;
        }
        return scope.Keep(sum!);
    }

    private Tensor Slice(int index, Tensor x)
    {
        using var scope = TensorScope.Enter();
        if (index > 0)
            x = F.MaxPool2d(x, 2);
        foreach (Conv2d conv in _slices[index])
            x = conv.Forward(x).Relu();
        return scope.Keep(x);
    }

    private static Tensor Unit(Tensor x)
    {
        using var scope = TensorScope.Enter();
        var f = x.To(DType.Float32);
        return scope.Keep(f / (f.Square().Sum([1], keepDim: true).Sqrt() + Eps));
    }
}
