// Operators of the engine against torch.nn.functional. What each output is stands in the fixture's notes.

using Kinora.Engine;
using Kinora.Models.Modules;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>Runs golden/ops.</summary>
internal sealed class TorchOpsRunner : IFixtureRunner
{
    private const double QuickGeluSlope = 1.702, ActivationGain = 4, SoftmaxGain = 5;

    /// <inheritdoc/>
    public IReadOnlyList<string> Classes { get; } = ["torch.nn.functional reference ops"];

    /// <inheritdoc/>
    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        Tensor x = fixture.Input("x"), volume = fixture.Input("v");
        Resample(outputs, x, volume);
        Convolve(fixture, outputs, x, volume);
        Normalize(fixture, outputs, x);
        Activate(outputs, x * ActivationGain);
        Attend(fixture, outputs);
        Rearrange(fixture, outputs, x);
        Measure(outputs, x);
        outputs.Add("out.timestep_emb_sd", TimestepPhases.Forward(Numbers(0, 1, 37.5, 999), 10, flipSinToCos: true, freqShift: 0));
        outputs.Add("out.timestep_emb_ddpm", TimestepPhases.Forward(Numbers(0, 1, 37.5, 999), 10, flipSinToCos: false, freqShift: 1));
        outputs.Add("out.timestep_emb_odd", TimestepPhases.Forward(Numbers(3, 500), 11, flipSinToCos: true, freqShift: 0));
    }

    private static void Resample(FixtureOutputs outputs, Tensor x, Tensor volume)
    {
        outputs.Add("out.interp_nearest_7x9", F.Resize(x, (7, 9), ResizeMode.Nearest));
        outputs.Add("out.interp_nearest-exact_7x9", F.Resize(x, (7, 9), ResizeMode.NearestExact));
        outputs.Add("out.interp_area_7x9", F.Resize(x, (7, 9), ResizeMode.Area));
        foreach (var (name, mode) in new[] { ("bilinear", ResizeMode.Bilinear), ("bicubic", ResizeMode.Bicubic) })
        {
            outputs.Add($"out.interp_{name}_ac0_13x6", F.Resize(x, (13, 6), mode));
            outputs.Add($"out.interp_{name}_ac1_13x6", F.Resize(x, (13, 6), mode, alignCorners: true));
            outputs.Add($"out.interp_{name}_aa_4x5", F.Resize(x, (4, 5), mode, antialias: true));
            outputs.Add($"out.interp_{name}_scale1.7", F.ResizeBy(x, 1.7, mode));
        }
        outputs.Add("out.interp_trilinear", F.ResizeTrilinear(volume, (5, 7, 4)));
        outputs.Add("out.interp_nearest3d_x2", F.InterpolateNearest(volume, 2, 2, 2));
        outputs.Add("out.pad_reflect", F.ReflectionPad2d(x, [2, 1, 3, 2]));
        outputs.Add("out.pad_replicate", F.ReplicationPad2d(x, [2, 1, 3, 2]));
        outputs.Add("out.pad_circular", F.CircularPad(x, [2, 1, 3, 2]));
    }

    private static void Convolve(Fixture fixture, FixtureOutputs outputs, Tensor x, Tensor volume)
    {
        outputs.Add("out.conv2d_s2_p1_d2_g2", F.Conv2d(x, fixture.Input("w2"), fixture.Input("b2"), stride: 2, padding: 1, dilation: 2, groups: 2));
        outputs.Add("out.conv_transpose2d", F.ConvTranspose2d(x, fixture.Input("wt"), stride: 2, padding: 1, outputPadding: 1));
        outputs.Add("out.conv3d_s", F.Conv3d(volume, fixture.Input("w3"), stride: (1, 2, 2), padding: (0, 1, 1)));
        outputs.Add("out.conv1d", F.Conv1d(x.Select(2, 0), fixture.Input("w1"), padding: 2, dilation: 2));
    }

    private static void Normalize(Fixture fixture, FixtureOutputs outputs, Tensor x)
    {
        outputs.Add("out.group_norm", F.GroupNorm(x, 2, fixture.Input("g"), fixture.Input("gb"), 1e-6));
        outputs.Add("out.layer_norm", F.LayerNorm(x));
        outputs.Add("out.instance_norm", F.GroupNorm(x, x.Size(1)));
        outputs.Add("out.rms_norm", F.RmsNorm(x, null, 1e-6));
    }

    private static void Activate(FixtureOutputs outputs, Tensor x)
    {
        outputs.Add("out.act_gelu", x.Gelu());
        outputs.Add("out.act_gelu_tanh", x.Gelu(tanh: true));
        outputs.Add("out.act_quick_gelu", x * (x * QuickGeluSlope).Sigmoid());
        outputs.Add("out.act_silu", F.Silu(x));
        outputs.Add("out.act_mish", F.Mish(x));
        outputs.Add("out.act_softplus", x.Softplus());
        outputs.Add("out.act_elu", x.Elu());
        outputs.Add("out.act_hardswish", F.Hardswish(x));
        outputs.Add("out.act_softsign", x / (x.Abs() + 1));
        outputs.Add("out.act_logsigmoid", x.LogSigmoid());
        outputs.Add("out.act_tanh", x.Tanh());
        outputs.Add("out.act_sigmoid", x.Sigmoid());
    }

    private static void Attend(Fixture fixture, FixtureOutputs outputs)
    {
        Tensor q = fixture.Input("q"), k = q * 0.7, v = q + 0.1;                                 // [B, H, L, D]
        outputs.Add("out.sdpa", F.ScaledDotProductAttention(q, k, v));
        outputs.Add("out.sdpa_causal", F.ScaledDotProductAttention(q, k, v, causal: true));
        outputs.Add("out.sdpa_bool_mask", F.ScaledDotProductAttention(q, k, v, fixture.Input("mask")));
    }

    private static void Rearrange(Fixture fixture, FixtureOutputs outputs, Tensor x)
    {
        Tensor grid = fixture.Input("grid");
        outputs.Add("out.grid_sample_zeros", F.GridSample(x, grid, bicubic: false, SamplePadding.Zeros, alignCorners: true));
        outputs.Add("out.grid_sample_border_nac", F.GridSample(x, grid, bicubic: false, SamplePadding.Border, alignCorners: false));
        outputs.Add("out.grid_sample_refl_bicubic", F.GridSample(x, grid, bicubic: true, SamplePadding.Reflection, alignCorners: false));
        outputs.Add("out.unfold", F.Unfold(x, 3, stride: 2, padding: 1, dilation: 1));
        outputs.Add("out.pixel_shuffle", F.PixelShuffle(x, 2));
        outputs.Add("out.pixel_unshuffle", F.PixelUnshuffle(x.Narrow(3, 0, 6), 2));
        outputs.Add("out.avg_pool_ceil", F.AvgPool2d(x, 3, stride: 2, padding: 1, ceilMode: true, countPadding: false));
        outputs.Add("out.max_pool_p", F.MaxPool2d(x, 3, 2, 1));
        outputs.Add("out.adaptive_avg", F.AdaptiveAvgPool2d(x, 3, 5));
    }

    private static void Measure(FixtureOutputs outputs, Tensor x)
    {
        Tensor mirrored = x.Flip(-1);
        outputs.Add("out.softmax_ch", (x * SoftmaxGain).Softmax(1));
        outputs.Add("out.logsumexp", (x * SoftmaxGain).Logsumexp([-1]));
        outputs.Add("out.cumsum", x.Cumsum(-1));
        outputs.Add("out.cosine_sim", (x * mirrored).Sum([1]) / (x.Norm(2, [1]) * mirrored.Norm(2, [1])).Clamp(1e-8));
        outputs.Add("out.normalize", x / x.Norm(2, [1], keepDim: true).Clamp(1e-12));
        outputs.Add("out.huber", F.HuberLoss(x, x.Size(0) > 1 ? x.Flip(0) : mirrored, 0.5).Reshape(1));
        outputs.Add("out.smooth_l1", F.SmoothL1Loss(x, mirrored, 0.3).Reshape(1));
        outputs.Add("out.bce_logits", F.BinaryCrossEntropyWithLogits(x, mirrored.Gt(0).To(DType.Float32)).Reshape(1));
    }

    private static Tensor Numbers(params double[] values) => Tensor.FromArray<double>(values, values.Length).To(DType.Float32);
}
