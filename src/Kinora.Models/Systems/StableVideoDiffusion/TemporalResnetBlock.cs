using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.StableVideoDiffusion;

// Norm, SiLU, convolution along the frames, twice, around a shortcut; every frame's timestep enters between the two.
// Paper: Blattmann et al., "Align your Latents", arXiv:2304.08818, section 3.1.1 (3-D convolutions over the clip).
// Names follow huggingface/diffusers d035dcd7, models/resnet.py (TemporalResnetBlock).
//
// Shapes    B clips  C channels  F frames  P positions of a frame  T width of the timestep embedding
// Numerics  group norms, over all frames together, accumulate in float32; convolutions run in the autocast type.
internal sealed class TemporalResnetBlock : Module
{
    private const int Groups = 32;
    private readonly GroupNorm _norm1, _norm2;
    private readonly TemporalConv _conv1, _conv2;
    private readonly Linear? _timeEmbProj;

    public TemporalResnetBlock(ParameterPath path, int channels, double eps, int? tembDim) : base(path)
    {
        _norm1 = new GroupNorm(path["norm1"], Groups, channels, eps);
        _conv1 = new TemporalConv(path["conv1"], channels, channels);
        _timeEmbProj = tembDim is { } t ? new Linear(path["time_emb_proj"], t, channels, init: Init.TorchLinear) : null;
        _norm2 = new GroupNorm(path["norm2"], Groups, channels, eps);
        _conv2 = new TemporalConv(path["conv2"], channels, channels);
    }

    /// <param name="x">[B, C, F, P]</param>
    /// <param name="temb">[B·F, T]; null exactly when the block has no timestep.</param>
    public Tensor Forward(Tensor x, Tensor? temb)
    {
        using var scope = TensorScope.Enter();
        var (b, c, f, _) = x.Dims4();
        var h = _conv1.Forward(_norm1.ForwardSilu(x));                                       // [B, C, F, P]
        if (_timeEmbProj is not null)
            h += _timeEmbProj.Forward(F.Silu(temb!)).Reshape(b, f, c, 1).Transpose(1, 2);        // + [B, C, F, 1]
        return scope.Keep(x + _conv2.Forward(_norm2.ForwardSilu(h)));
    }

    /// <summary>The same strip by strip, for a block without a timestep, as a map that is computed from x, which stays, and from another that is freed with it.</summary>
    /// <param name="x">[F, C, H, W], the frames of one clip.</param>
    public FeatureRows Forward(FeatureRows x)
    {
        FeatureRows Convolved(FeatureRows rows, TemporalConv convolution, GroupNorm norm)
        {
            Func<Tensor, Tensor> normed = rows.Norm(norm, pictures: rows.Pictures);
            return rows.Map(strip =>
            {
                using var scope = TensorScope.Enter();
                var clip = convolution.Forward(VideoLayout.ToClip(normed(strip), strip.Size(0)));
                return scope.Keep(VideoLayout.ToPictures(clip, strip.Size(2), strip.Size(3)));
            });
        }
        var h = Convolved(x, _conv1, _norm1).Stored();
        return Convolved(h, _conv2, _norm2).Plus(x.Shared());
    }
}
