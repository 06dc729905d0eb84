// TransNet V2: a small network that says of each frame whether a shot ends there.
// Paper: Souček and Lokoč, "TransNet V2: An effective deep network architecture for fast shot transition detection", arXiv:2008.04838.
// Parameter names follow soCzech/TransNetV2 (inference-pytorch/transnetv2_pytorch.py).
//
// Shapes    B batch  C channels  T frames of a window  H,W 27 × 48 pixels, halved by each stack  K lookup window of 101 frames
// Numerics  float32 throughout; batch norms use stored statistics.
using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Systems.TransNetV2;

/// <summary>A convolution over the picture followed by a dilated one over time.</summary>
internal sealed class SeparableConv3d : Module
{
    private readonly Tensor _space, _time;
    private readonly long _dilation;

    public SeparableConv3d(ParameterPath path, long inChannels, long filters, long dilation) : base(path)
    {
        _space = path["layers"][0].Create("weight", [2 * filters, inChannels, 1, 3, 3], Init.TorchLinear);
        _time = path["layers"][1].Create("weight", [filters, 2 * filters, 3, 1, 1], Init.TorchLinear);
        _dilation = dilation;
    }

    public Tensor Forward(Tensor x)                                                    // [B, C, T, H, W]
    {
        using var scope = TensorScope.Enter();
        var h = F.Conv3d(x, _space, padding: new Size3(0, 1, 1));
        return scope.Keep(F.Conv3d(h, _time, padding: new Size3(_dilation, 0, 0), dilation: new Size3(_dilation, 1, 1)));
    }
}

/// <summary>Four dilations side by side, normalized together.</summary>
internal sealed class DilatedBlock : Module
{
    private const double Eps = 1e-3;
    private static readonly int[] Dilations = [1, 2, 4, 8];
    private readonly SeparableConv3d[] _convs;
    private readonly BatchNorm _bn;

    public DilatedBlock(ParameterPath path, long inChannels, long filters) : base(path)
    {
        _convs = [.. Dilations.Select(d => new SeparableConv3d(path[$"Conv3D_{d}"], inChannels, filters, d))];
        _bn = new BatchNorm(path["bn"], Dilations.Length * filters, Eps);
    }

    public Tensor Forward(Tensor x)                                                    // [B, C, T, H, W] → [B, 4F, T, H, W]
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(_bn.Forward(Tensor.Cat([.. _convs.Select(conv => conv.Forward(x))], 1)));
    }
}

/// <summary>Two dilated blocks with a shortcut around the second, then a mean over 2 × 2 pixels.</summary>
internal sealed class DilatedStack : Module
{
    private readonly DilatedBlock _first, _second;

    public DilatedStack(ParameterPath path, long inChannels, long filters) : base(path)
    {
        _first = new DilatedBlock(path["DDCNN"][0], inChannels, filters);
        _second = new DilatedBlock(path["DDCNN"][1], 4 * filters, filters);
    }

    public Tensor Forward(Tensor x)                                                    // [B, C, T, H, W] → [B, 4F, T, H/2, W/2]
    {
        using var scope = TensorScope.Enter();
        var shortcut = _first.Forward(x).Relu();
        var h = _second.Forward(shortcut).Relu() + shortcut;
        return scope.Keep(F.AvgPool3d(h, new Size3(1, 2, 2), new Size3(1, 2, 2)));
    }
}

/// <summary>The network. Windows of frames in, a logit for each frame out.</summary>
public sealed class TransNetV2Network : Module
{
    /// <summary>Pixels of the input.</summary>
    public const int Width = 48, Height = 27;

    /// <summary>Frames of a window; the middle half of its answers is used.</summary>
    public const int Window = 100;

    private const int Filters = 16, Similarity = 128, Lookup = 101, Hidden = 1024, Colors = 512, BlockChannels = 4 * Filters * (1 + 2 + 4), TopPixels = 3 * 6;

    private readonly DilatedStack[] _stacks;
    private readonly Linear _projection, _frameSimilarity, _colorSimilarity, _fc1, _oneHot, _manyHot;

    public TransNetV2Network(ParameterPath path) : base(path)
    {
        var stacks = path["SDDCNN"];
        _stacks = [new DilatedStack(stacks[0], 3, Filters), new DilatedStack(stacks[1], 4 * Filters, 2 * Filters), new DilatedStack(stacks[2], 8 * Filters, 4 * Filters)];
        _projection = new Linear(path["frame_sim_layer"]["projection"], BlockChannels, Similarity);
        _frameSimilarity = new Linear(path["frame_sim_layer"]["fc"], Lookup, Similarity);
        _colorSimilarity = new Linear(path["color_hist_layer"]["fc"], Lookup, Similarity);
        _fc1 = new Linear(path["fc1"], (16 * Filters * TopPixels) + (2 * Similarity), Hidden);
        _oneHot = new Linear(path["cls_layer1"], Hidden, 1);
        _manyHot = new Linear(path["cls_layer2"], Hidden, 1);
    }

    /// <summary>Two logits for each frame: that it is the last before a new shot, and that it lies within a transition.</summary>
    /// <param name="rgb">[T, 27, 48, 3] bytes.</param>
    /// <returns>T of each; a frame counts where the sigmoid exceeds 0.5. Shots are divided by the first.</returns>
    /// <exception cref="ArgumentException">The bytes are not whole frames.</exception>
    public (float[] Ends, float[] Within) Logits(ReadOnlySpan<byte> rgb)
    {
        const int frameBytes = Width * Height * 3;
        int frames = rgb.Length / frameBytes;
        if (frames == 0 || rgb.Length % frameBytes != 0) { throw new ArgumentException($"TransNetV2: frames have {frameBytes} bytes ({Width}×{Height} RGB), got {rgb.Length} bytes.", nameof(rgb)); }
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        float[] samples = new float[rgb.Length];
        for (int i = 0; i < samples.Length; i++) { samples[i] = rgb[i] / 255f; }
        var x = Tensor.FromArray(samples, 1, frames, Height, Width, 3).Permute(0, 4, 1, 2, 3).Contiguous();   // [1, 3, T, H, W]
        var means = new List<Tensor>();
        foreach (var stack in _stacks)
        {
            x = stack.Forward(x);
            means.Add(x.Mean([3, 4]));                                                                       // [1, C, T]
        }
        var index = Diagonals(frames);
        var features = x.Permute(0, 2, 3, 4, 1).Reshape(1, frames, -1);                                      // [1, T, 18·256]
        var projected = Normalize(_projection.Forward(Tensor.Cat(means, 1).Transpose(1, 2)));                // [1, T, 128]
        var color = _colorSimilarity.Forward(Around(Normalize(Histograms(rgb, frames)), index)).Relu();
        var similar = _frameSimilarity.Forward(Around(projected, index)).Relu();
        var h = _fc1.Forward(Tensor.Cat([color, similar, features], 2)).Relu();                              // [1, T, 1024]
        return (_oneHot.Forward(h).ToArray<float>(), _manyHot.Forward(h).ToArray<float>());
    }

    // Cosines of each frame with the 50 frames on each side of it; 0 beyond the window.
    private static Tensor Around(Tensor x, Tensor index)                               // [1, T, D] → [1, T, K]
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(F.Pad(x.Bmm(x.Transpose(1, 2)), [Lookup / 2, Lookup / 2]).Gather(2, index));
    }

    private static Tensor Diagonals(int frames)                                        // [1, T, K]: t, t + 1, …
    {
        long[] index = new long[frames * Lookup];
        for (int i = 0; i < index.Length; i++) { index[i] = (i / Lookup) + (i % Lookup); }
        return Tensor.FromArray(index, 1, frames, Lookup);
    }

    // Three bits of each channel make 512 colors.
    private static Tensor Histograms(ReadOnlySpan<byte> rgb, int frames)               // [1, T, 512]
    {
        float[] counts = new float[frames * Colors];
        for (int i = 0; i < rgb.Length; i += 3)
        {
            int frame = i / (Width * Height * 3);
            counts[(frame * Colors) + ((rgb[i] >> 5) << 6) + ((rgb[i + 1] >> 5) << 3) + (rgb[i + 2] >> 5)]++;
        }
        return Tensor.FromArray(counts, 1, frames, Colors);
    }

    private static Tensor Normalize(Tensor x)                                          // [1, T, D]
    {
        const double eps = 1e-12;
        using var scope = TensorScope.Enter();
        return scope.Keep(x / (x * x).Sum([2], keepDim: true).Sqrt().Clamp(min: eps));
    }
}
