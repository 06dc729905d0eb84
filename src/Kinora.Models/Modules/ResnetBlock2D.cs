using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Modules;

// Norm, SiLU, convolution, twice, around a shortcut; the timestep enters between the two.
// Papers: Ho et al., arXiv:2006.11239, appendix B (added); Nichol and Dhariwal, arXiv:2102.09672, section 3 (as scale and shift of the norm).
// Names follow huggingface/diffusers d035dcd7, models/resnet.py (ResnetBlock2D).
//
// Shapes    B batch  C, C' channels in and out  H,W height, width  T width of the timestep embedding
// Numerics  group norms accumulate in float32; convolutions run in the autocast type. Channels-last input stays channels-last.
public sealed class ResnetBlock2D : Module
{
    private const int Kernel = 3;
    private readonly GroupNorm _norm1, _norm2;
    private readonly Conv2d _conv1, _conv2;
    private readonly Conv2d? _convShortcut;
    private readonly Linear? _timeEmbProj;
    private readonly bool _scaleShift;
    private readonly double _outputScale;

    /// <param name="path">Where the parameters stand.</param>
    /// <param name="inChannels">C.</param>
    /// <param name="outChannels">C'.</param>
    /// <param name="groups">Groups of the norms.</param>
    /// <param name="eps">Epsilon of the norms.</param>
    /// <param name="tembDim">T; null for a block without a timestep.</param>
    /// <param name="scaleShift">Whether the timestep scales and shifts the second norm; otherwise it is added before it.</param>
    /// <param name="outputScale">What the sum is divided by.</param>
    public ResnetBlock2D(ParameterPath path, int inChannels, int outChannels, int groups, double eps, int? tembDim = null, bool scaleShift = false, double outputScale = 1) : base(path)
    {
        _norm1 = new GroupNorm(path["norm1"], groups, inChannels, eps);
        _conv1 = new Conv2d(path["conv1"], inChannels, outChannels, Kernel, padding: 1);
        _timeEmbProj = tembDim is { } t ? new Linear(path["time_emb_proj"], t, scaleShift ? 2 * outChannels : outChannels, init: Init.TorchLinear) : null;
        _norm2 = new GroupNorm(path["norm2"], groups, outChannels, eps);
        _conv2 = new Conv2d(path["conv2"], outChannels, outChannels, Kernel, padding: 1);
        _convShortcut = inChannels != outChannels ? new Conv2d(path["conv_shortcut"], inChannels, outChannels, 1) : null;
        (_scaleShift, _outputScale) = (scaleShift, outputScale);
    }

    /// <param name="x">[B, C, H, W]</param>
    /// <param name="temb">[B, T]; null exactly when the block has no timestep.</param>
    public Tensor Forward(Tensor x, Tensor? temb = null)
    {
        using var scope = TensorScope.Enter();
        var h = _conv1.Forward(_norm1.ForwardSilu(x));                                       // [B, C', H, W]
        var time = _timeEmbProj?.Forward(F.Silu(temb!)).Unsqueeze(-1).Unsqueeze(-1);             // [B, C' or 2C', 1, 1]
        h = time is null ? _norm2.ForwardSilu(h) : _scaleShift ? F.Silu(Modulate(_norm2.Forward(h), time)) : _norm2.ForwardSilu(h + time);
        var sum = (_convShortcut?.Forward(x) ?? x) + _conv2.Forward(h);
        return scope.Keep(_outputScale == 1 ? sum : sum / _outputScale);                         // [B, C', H, W]
    }

    /// <summary>The same strip by strip, for a block without a timestep; x is used up.</summary>
    internal FeatureRows Forward(FeatureRows x)
    {
        Func<Tensor, Tensor> norm1 = x.Norm(_norm1);
        var (h, residual) = _convShortcut is null
            ? (x.Map(norm1).Convolved(_conv1.Forward).Stored(), x)
            : x.StoredWith((rows, _) => norm1(rows), (rows, _) => _conv1.Forward(rows), _convShortcut.Forward);
        var change = h.Map(h.Norm(_norm2)).Convolved(_conv2.Forward).Plus(residual);
        var sum = (_outputScale == 1 ? change : change.Map(t => t / _outputScale)).StoredOver(residual);
        h.Free();
        return sum;
    }

    private static Tensor Modulate(Tensor h, Tensor time)
    {
        var (scale, shift) = time.Chunk2(1);
        return h * (scale + 1) + shift;
    }
}
