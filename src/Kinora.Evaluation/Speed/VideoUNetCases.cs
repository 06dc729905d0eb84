// The denoisers of Stable Video Diffusion and AnimateDiff at real sizes with random weights: one call for one clip.

using Kinora.Engine;
using Kinora.Models.Systems.AnimateDiff;
using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models.Systems.StableVideoDiffusion;

namespace Kinora.Evaluation.Speed;

/// <summary>Cases of the U-Nets of video systems; weights are stored in the type that is computed in.</summary>
public static class VideoUNetCases
{
    // Latents of 320 × 192 pixels and 14 frames; of 512 × 512 pixels and 16 frames.
    private const int SvdFrames = 14, SvdRows = 24, SvdColumns = 40, SvdContextWidth = 1024, AnimateDiffFrames = 16, AnimateDiffSide = 64, TextTokens = 77, TextWidth = 768;

    /// <summary>All of them.</summary>
    public static IReadOnlyList<SpeedCase> All { get; } = [.. new[] { DType.Float32, DType.BFloat16 }.SelectMany(dtype => new[] { StableVideoDiffusion(dtype), AnimateDiff(dtype) })];

    private static SpeedCase StableVideoDiffusion(DType dtype)
    {
        var config = new UNetSpatioTemporalConfig();
        return new($"Stable Video Diffusion U-Net, {SvdFrames} × {SvdRows} × {SvdColumns} latents {dtype.ShortName()}", SpeedUnit.Milliseconds, device =>
        {
            using var scope = TensorScope.Enter();
            ParameterPath root = ParameterPath.Root(new InitializedParameters(1), dtype, device);
            var unet = new UNetSpatioTemporal(root, config);
            Tensor latents = Tensor.Randn([1, SvdFrames, config.InChannels, SvdRows, SvdColumns], device: device).Own(), timestep = Tensor.Full([1], 0.7, device: device).Own();
            Tensor context = Tensor.Randn([1, 1, SvdContextWidth], device: device).Own(), added = Tensor.FromArray<float>([6, 127, 0.02f], 1, 3).To(device).Own();
            return new NetworkSubject(root, [("latents", latents), ("timestep", timestep), ("context", context), ("added", added)], () =>
            {
                using var inference = GradMode.Inference();
                return unet.Forward(latents, timestep, context, added);
            });
        })
        { Folder = "svd-unet", Flops = UNetSpatioTemporal.Flops(config, SvdFrames, SvdRows, SvdColumns), Precision = dtype };
    }

    private static SpeedCase AnimateDiff(DType dtype)
    {
        var picture = new UNet2DConditionConfig { CrossAttentionDim = [TextWidth] };
        var motion = new MotionAdapterConfig();
        return new($"AnimateDiff U-Net, {AnimateDiffFrames} × {AnimateDiffSide} × {AnimateDiffSide} latents {dtype.ShortName()}", SpeedUnit.Milliseconds, device =>
        {
            using var scope = TensorScope.Enter();
            ParameterPath root = ParameterPath.Root(new InitializedParameters(1), dtype, device);
            var unet = new UNetMotion(new UNet2DCondition(root, picture), new MotionAdapter(root, motion));
            Tensor latents = Tensor.Randn([1, picture.InChannels, AnimateDiffFrames, AnimateDiffSide, AnimateDiffSide], device: device).Own();
            Tensor timestep = Tensor.Full([1], 500, device: device).Own(), text = Tensor.Randn([1, TextTokens, TextWidth], device: device).Own();
            return new NetworkSubject(root, [("latents", latents), ("timestep", timestep), ("text", text)], () =>
            {
                using var inference = GradMode.Inference();
                return unet.Forward(latents, timestep, text);
            });
        })
        { Folder = "animatediff-unet", Flops = UNetMotion.Flops(picture, motion, AnimateDiffFrames, AnimateDiffSide, AnimateDiffSide), Precision = dtype };
    }
}
