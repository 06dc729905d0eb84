// C3D: 3×3×3 convolutions over 16 frames, the classifier behind the inception score of UCF-101.
// Paper: Tran et al., "Learning spatiotemporal features with 3D convolutional networks", arXiv:1412.0767, section 3.3.
// Parameter names are those of its PyTorch ports: DavideA/c3d-pytorch and jfzhang95/pytorch-video-recognition (network/C3D_model.py).
//
// Shapes    B clips  K classes
// Numerics  Convolutions and linears run in the autocast type.

using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Systems.C3d;

/// <summary>The network.</summary>
public sealed class C3dModel : Module
{
    /// <summary>Frames of a clip.</summary>
    public const int Frames = 16;

    /// <summary>Pixels of a side.</summary>
    public const int InputSize = 112;

    private const int PooledPositions = 4 * 4;
    private readonly Conv3d[] _conv;
    private readonly Linear _fc6, _fc7, _fc8;

    // A pooling follows these convolutions.
    private static readonly string[] Names = ["conv1", "conv2", "conv3a", "conv3b", "conv4a", "conv4b", "conv5a", "conv5b"];

    /// <param name="path">Root of the parameter names.</param>
    /// <param name="classes">487 of Sports-1M, 101 of UCF-101.</param>
    /// <param name="width">Channels of the first convolution; the last have eight times as many.</param>
    /// <param name="hidden">Width of the two layers before the last.</param>
    public C3dModel(ParameterPath path, int classes, int width = 64, int hidden = 4096) : base(path)
    {
        ArgumentNullException.ThrowIfNull(path);
        int[] channels = [3, width, 2 * width, 4 * width, 4 * width, 8 * width, 8 * width, 8 * width, 8 * width];
        _conv = [.. Names.Select((name, i) => new Conv3d(path[name], channels[i], channels[i + 1], 3, 1, 1))];
        _fc6 = new Linear(path["fc6"], 8 * width * PooledPositions, hidden);
        _fc7 = new Linear(path["fc7"], hidden, hidden);
        _fc8 = new Linear(path["fc8"], hidden, classes);
    }

    /// <summary>Logits [B, K] of clips [B, 3, 16, 112, 112]: channels blue, green, red in 0..255 less their means.</summary>
    public Tensor Forward(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var scope = TensorScope.Enter();
        var (b, c, f, h, w) = x.Dims5();
        if (c != 3 || f != Frames || h != InputSize || w != InputSize)
            throw new ShapeException($"C3D: expected clips [B, 3, {Frames}, {InputSize}, {InputSize}], got [{string.Join(", ", x.Shape)}].");
        for (int i = 0; i < Names.Length; i++)
        {
            x = _conv[i].Forward(x).Relu();
            x = Names[i] switch
            {
                "conv1" => F.MaxPool3d(x, (1, 2, 2), (1, 2, 2)),
                "conv2" or "conv3b" or "conv4b" => F.MaxPool3d(x, 2, 2),
                "conv5b" => F.MaxPool3d(x, 2, 2, (0, 1, 1)),                                      // 7×7 → 4×4
                _ => x,
            };
        }
        return scope.Keep(_fc8.Forward(_fc7.Forward(_fc6.Forward(x.Reshape(b, -1)).Relu()).Relu()).To(DType.Float32));
    }
}
