using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Modules;

// The coarsest level of a picture autoencoder: residual block, attention with one head over all positions, residual block.
// Paper: Rombach et al., arXiv:2112.10752, appendix G; names follow huggingface/diffusers d035dcd7, models/unets/unet_2d_blocks.py (UNetMidBlock2D).
//
// Shapes    B batch  C channels  H,W height, width
public sealed class AutoencoderMid : Module
{
    private const double NormEps = 1e-6;
    private readonly ResnetBlock2D _first, _second;
    private readonly Attention? _attention;

    public AutoencoderMid(ParameterPath path, int channels, int groups, bool hasAttention) : base(path)
    {
        _first = new ResnetBlock2D(path["resnets"][0], channels, channels, groups, NormEps);
        _attention = hasAttention ? new Attention(path["attentions"][0], channels, groups) : null;
        _second = new ResnetBlock2D(path["resnets"][1], channels, channels, groups, NormEps);
    }

    public Tensor Forward(Tensor x)                                                              // [B, C, H, W]
    {
        using var scope = TensorScope.Enter();
        var h = _first.Forward(x);
        h = _second.Forward(_attention?.Forward(h) ?? h);
        return scope.Keep(ForwardTrace.Report(this, h));                                         // [B, C, H, W]
    }

    internal sealed class Attention : Module
    {
        private readonly GroupNorm _groupNorm;
        private readonly MultiHeadAttention _attention;

        public Attention(ParameterPath path, int channels, int groups) : base(path)
        {
            _groupNorm = new GroupNorm(path["group_norm"], groups, channels, NormEps);
            _attention = new MultiHeadAttention(path, channels, 1, channels, bias: true);
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = TensorScope.Enter();
            var (b, c, height, w) = x.Dims4();
            var tokens = _groupNorm.Forward(x).Permute(0, 2, 3, 1).Reshape(b, height * w, c);    // [B, H·W, C]
            var h = _attention.Forward(tokens).View(b, height, w, c).Permute(0, 3, 1, 2);
            return scope.Keep(x + h);                                                            // [B, C, H, W]
        }
    }
}
