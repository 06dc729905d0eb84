using Kinora.Engine;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.StableVideoDiffusion;

// A residual block over each frame, then one along the frames, mixed by a learned share.
// Paper: Blattmann et al., "Stable Video Diffusion", arXiv:2311.15127, appendix D. Names follow huggingface/diffusers d035dcd7, models/resnet.py
// (SpatioTemporalResBlock).
//
// Shapes    B clips  F frames  C, C' channels in and out  T width of the timestep embedding
internal sealed class SpatioTemporalResnetBlock : Module
{
    private const int Groups = 32;
    private readonly ResnetBlock2D _spatial;
    private readonly TemporalResnetBlock _temporal;
    private readonly TimeMixer _mixer;

    /// <param name="path">Where the parameters stand.</param>
    /// <param name="inChannels">C.</param>
    /// <param name="outChannels">C'.</param>
    /// <param name="eps">Epsilon of the norms over a frame.</param>
    /// <param name="temporalEps">Epsilon of the norms over the clip.</param>
    /// <param name="tembDim">T; null for a block without a timestep (the decoder's, whose mixer is switched and starts at one half).</param>
    public SpatioTemporalResnetBlock(ParameterPath path, int inChannels, int outChannels, double eps, double temporalEps, int? tembDim) : base(path)
    {
        const double UNetMixFactor = 0.5, DecoderMixFactor = 0;
        bool decoder = tembDim is null;
        _spatial = new ResnetBlock2D(path["spatial_res_block"], inChannels, outChannels, Groups, eps, tembDim);
        _temporal = new TemporalResnetBlock(path["temporal_res_block"], outChannels, temporalEps, tembDim);
        _mixer = new TimeMixer(path["time_mixer"], decoder ? DecoderMixFactor : UNetMixFactor, switched: decoder);
    }

    /// <param name="x">[B·F, C, H, W]</param>
    /// <param name="temb">[B·F, T]; null exactly when the block has no timestep.</param>
    /// <param name="frames">F.</param>
    public Tensor Forward(Tensor x, Tensor? temb, long frames)
    {
        using var scope = TensorScope.Enter();
        var s = ForwardTrace.Report(_spatial, _spatial.Forward(x, temb));                        // [B·F, C', H, W]
        var spatial = VideoLayout.ToClip(s, frames);                                             // [B, C', F, H·W]
        var mixed = _mixer.Forward(spatial, _temporal.Forward(spatial, temb));
        return scope.Keep(ForwardTrace.Report(this, VideoLayout.ToPictures(mixed, s.Size(2), s.Size(3)))); // [B·F, C', H, W]
    }

    /// <summary>The same strip by strip, for a block without a timestep and the frames of one clip; x is used up.</summary>
    public FeatureRows Forward(FeatureRows x)                                                    // [F, C, H, W]
    {
        var spatial = _spatial.Forward(x);
        var temporal = _temporal.Forward(spatial);
        var mixed = temporal.With(spatial, _mixer.Forward).StoredOver(spatial);
        temporal.Free();
        return mixed;
    }
}
