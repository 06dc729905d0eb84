// The engine's contract on a device, for machines where the test projects cannot run (no SDK): every result is compared with the same
// computation in float64 on the CPU, or with a law that it must obey.
//
// Numerics  float32 rounds to 2⁻²⁴ and bfloat16 to 2⁻⁹; sums here are at most some hundreds long, so relative errors stay within a few
//           hundred times that. CUDA may use TF32 (2⁻¹¹) in convolutions.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Optimization;
using Kinora.Engine.Random;
using Kinora.Models.Modules;
using Kinora.Models.Systems.KinoraWorld;

namespace Kinora.Evaluation.Contract;

/// <summary>Runs the checks.</summary>
public static class EngineContract
{
    private const double Exact = 0, Fp32 = 2e-5, Loose = 2e-3, Bf16 = 3e-2;

    private static readonly (string Name, double Tolerance, Func<Device, double> Error)[] Checks =
    [
        ("copy to the device and back", Exact, d => Compare(d, t => t[0].Clone(), t => t[0], [37, 5])),
        ("add, multiply, broadcast", Fp32, d => Compare(d, t => t[0] * t[1] + 0.5, [16, 33], [33])),
        ("matrix product fp32", Loose, d => Compare(d, t => t[0].Matmul(t[1]), [96, 130], [130, 70])),
        ("matrix product bf16", Bf16, d => Compare(d, t => t[0].To(Half(t)).Matmul(t[1].To(Half(t))), [96, 130], [130, 70])),
        ("batched matrix product", Loose, d => Compare(d, t => t[0].Bmm(t[1]), [4, 24, 40], [4, 40, 17])),
        ("softmax", Fp32, d => Compare(d, t => t[0].Softmax(-1), [12, 77])),
        ("layer norm", Fp32, d => Compare(d, t => F.LayerNorm(t[0], t[1], t[2]), t => Normalize(t[0]) * t[1] + t[2], [9, 64], [64], [64])),
        ("layer norm + modulate", Fp32, d => Compare(d, t => F.LayerNormModulate(t[0], t[1], t[2]), t => Normalize(t[0], 1e-6) * (t[2].Unsqueeze(1) + 1) + t[1].Unsqueeze(1), [3, 20, 64], [3, 64], [3, 64])),
        ("RMS norm", Fp32, d => Compare(d, t => F.RmsNorm(t[0], t[1]), t => t[0] * (t[0].Square().Mean([-1], true) + 1e-6).Rsqrt() * t[1], [9, 64], [64])),
        ("gated residual", Fp32, d => Compare(d, t => F.GatedResidual(t[0], t[1], t[2]), t => t[0] + t[1].Unsqueeze(1) * t[2], [3, 20, 64], [3, 64], [3, 20, 64])),
        ("SiLU and GELU", Fp32, d => Compare(d, t => F.Silu(t[0]) + F.GeluTanh(t[1]), t => t[0] * t[0].Sigmoid() + t[1] * 0.5 * ((t[1] + t[1].Pow(3) * 0.044715) * Math.Sqrt(2 / Math.PI)).Tanh() + t[1] * 0.5, [7, 96], [7, 96])),
        ("convolution 2-D, stride 2", Loose, d => Compare(d, t => F.Conv2d(t[0], t[1], t[2], 2, 1), [2, 8, 15, 15], [12, 8, 3, 3], [12])),
        ("convolution 3-D", Loose, d => Compare(d, t => F.Conv3d(t[0], t[1], t[2], 1, 1), [1, 6, 5, 9, 9], [8, 6, 3, 3, 3], [8])),
        ("attention fp32", Fp32 * 10, d => Compare(d, t => F.ScaledDotProductAttention(t[0], t[1], t[2]), Attend, [2, 3, 65, 64], [2, 3, 80, 64], [2, 3, 80, 64])),
        ("attention bf16", Bf16, d => Compare(d, t => F.ScaledDotProductAttention(t[0].To(Half(t)), t[1].To(Half(t)), t[2].To(Half(t))), Attend, [2, 3, 65, 64], [2, 3, 80, 64], [2, 3, 80, 64])),
        ("gradient of attention", Fp32 * 50, d => CompareGradient(d, t => F.ScaledDotProductAttention(t[0], t[1], t[2]), Attend, [1, 2, 48, 32], [1, 2, 48, 32], [1, 2, 48, 32])),
        ("gradient of a linear layer", Loose, d => CompareGradient(d, t => F.Linear(t[0], t[1], t[2]), null, [10, 24], [18, 24], [18])),
        ("gradient of a 3-D convolution", Loose, d => CompareGradient(d, t => F.Conv3d(t[0], t[1], null, 1, 1), null, [1, 4, 3, 7, 7], [5, 4, 3, 3, 3])),
        ("activation checkpointing changes nothing", Fp32, Checkpointing),
        ("AdamW follows its equation", Fp32, Adam),
        ("noise is the same on every device", Exact, d => Math.Abs(Noise(d) - Noise(Device.Cpu))),
        ("safetensors bring back the same bits", Exact, RoundTrip),
        ("transformer equals the CPU's", Loose, Transformer),
        ("autoencoder equals the CPU's", Loose, Autoencoder),
        ("self-attention layer, bf16 close to fp32", 5e-2, Layer),
        ("no tensor is left behind", Exact, Leak),
    ];

    /// <summary>Number of checks.</summary>
    public static int Count => Checks.Length;

    /// <summary>Runs all checks; a check that throws has failed.</summary>
    public static IReadOnlyList<ContractResult> Run(Device device, Action<ContractResult>? onResult = null, CancellationToken cancellationToken = default)
    {
        var results = new List<ContractResult>();
        foreach (var (name, tolerance, error) in Checks)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ContractResult result;
            try
            {
                double e = error(device);
                result = new ContractResult(name, e, tolerance, double.IsFinite(e) ? null : "the result is not finite");
            }
            catch (KinoraException e)
            {
                result = new ContractResult(name, double.NaN, tolerance, e.Message);
            }
            results.Add(result);
            onResult?.Invoke(result);
        }
        return results;
    }

    // The device computes in float32 what the CPU computes in float64; bf16 is asked for only where the input is float32.
    private static double Compare(Device device, Func<Tensor[], Tensor> compute, params long[][] shapes) => Compare(device, compute, compute, shapes);

    private static double Compare(Device device, Func<Tensor[], Tensor> compute, Func<Tensor[], Tensor> oracle, params long[][] shapes)
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        Tensor[] inputs = Inputs(shapes);
        Tensor actual = compute([.. inputs.Select(t => t.To(device))]), expected = oracle([.. inputs.Select(t => t.To(DType.Float64))]);
        return Distance(actual, expected);
    }

    private static double CompareGradient(Device device, Func<Tensor[], Tensor> compute, Func<Tensor[], Tensor>? oracle, params long[][] shapes)
    {
        using var scope = TensorScope.Enter();
        Tensor[] inputs = Inputs(shapes);
        Tensor[] Gradients(Func<Tensor, Tensor> place, Func<Tensor[], Tensor> f)
        {
            Tensor[] leaves = [.. inputs.Select(t => place(t).Clone().RequiresGradInPlace())];
            Tensor y = f(leaves);
            // A fixed direction that is not constant, so that no gradient is zero by symmetry.
            Tensor direction = place(new Generator(99).Normal(y.Shape));
            return [.. Autograd.Grad([y], leaves, [direction.To(y.DType)]).Select(g => g!)];
        }

        Tensor[] actual = Gradients(t => t.To(device), compute), expected = Gradients(t => t.To(DType.Float64), oracle ?? compute);
        return actual.Zip(expected, Distance).Max();
    }

    private static Tensor[] Inputs(long[][] shapes) => [.. shapes.Select((s, i) => new Generator(7, (ulong)i).Normal(s))];

    private static DType Half(Tensor[] t) => t[0].DType == DType.Float64 ? DType.Float64 : DType.BFloat16;

    // Largest difference over the largest magnitude of what is right.
    private static double Distance(Tensor actual, Tensor expected)
    {
        using var scope = TensorScope.Enter();
        Tensor right = expected.Detach().To(Device.Cpu).To(DType.Float64), got = actual.Detach().To(Device.Cpu).To(DType.Float64);
        return (got - right).Abs().Max().Item() / Math.Max(1e-12, right.Abs().Max().Item());
    }

    private static Tensor Normalize(Tensor x, double eps = 1e-5)
    {
        Tensor centered = x - x.Mean([-1], true);
        return centered * (centered.Square().Mean([-1], true) + eps).Rsqrt();
    }

    private static Tensor Attend(Tensor[] t) => (t[0].Matmul(t[1].Transpose(-2, -1)) * (1 / Math.Sqrt(t[0].Size(-1)))).Softmax(-1).Matmul(t[2]);

    private static double Checkpointing(Device device)
    {
        using var scope = TensorScope.Enter();
        Tensor x = new Generator(3).Normal(8, 16).To(device).Clone().RequiresGradInPlace(), w = new Generator(4).Normal(16, 16).To(device).Clone().RequiresGradInPlace();
        static Tensor Body(Tensor[] t) => F.GeluTanh(F.Linear(t[0], t[1])).Square();
        Tensor[] plain = [.. Autograd.Grad([Body([x, w]).Sum()], [x, w]).Select(g => g!)];
        Tensor[] again = [.. Autograd.Grad([Autograd.Checkpoint(Body, x, w).Sum()], [x, w]).Select(g => g!)];
        return plain.Zip(again, (p, a) => Distance(a, p)).Max();
    }

    private static double Adam(Device device)
    {
        const double rate = 0.01, decay = 0.1, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
        using var scope = TensorScope.Enter();
        Tensor p = new Generator(5).Normal(6, 7).To(device).Clone().RequiresGradInPlace();
        double[] theta = [.. p.Detach().To(Device.Cpu).ToArray<float>().Select(v => (double)v)], m = new double[theta.Length], v2 = new double[theta.Length];
        using var adam = new AdamW([("p", p)], new AdamWOptions { WeightDecay = decay });
        for (int step = 1; step <= 3; step++)
        {
            float[] g = new Generator(6, (ulong)step).Normal(6, 7).ToArray<float>();
            p.Grad = Tensor.FromArray(g, 6, 7).To(device);
            adam.Step(rate);
            adam.ZeroGrad();
            for (int i = 0; i < theta.Length; i++)
            {
                m[i] = beta1 * m[i] + (1 - beta1) * g[i];
                v2[i] = beta2 * v2[i] + (1 - beta2) * g[i] * g[i];
                theta[i] = theta[i] * (1 - rate * decay) - rate * (m[i] / (1 - Math.Pow(beta1, step))) / (Math.Sqrt(v2[i] / (1 - Math.Pow(beta2, step))) + eps);
            }
        }
        return Distance(p, Tensor.FromArray(theta, 6, 7));
    }

    private static double Noise(Device device)
    {
        using var scope = TensorScope.Enter();
        return new Generator(11).Normal(1000).To(device).To(Device.Cpu).ToArray<float>().Select((v, i) => (double)v * (i + 1)).Sum();
    }

    private static double RoundTrip(Device device)
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".safetensors");
        try
        {
            using var scope = TensorScope.Enter();
            Tensor written = new Generator(12).Normal(5, 9).To(device);
            SafetensorsWriter.Write(path, [KeyValuePair.Create("t", written)]);
            using Checkpoint checkpoint = Checkpoint.Open(path);
            return Distance(checkpoint.Read("t", device: device), written);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static double Transformer(Device device)
    {
        var config = VideoTransformerConfig.Small with { InChannels = 4, LatentStd = [1, 1, 1, 1], NumLayers = 2, NumAttentionHeads = 2, AttentionHeadDim = 32, CaptionChannels = 16, CrossAttentionDim = 32, FreqDim = 32 };
        return OnBoth(device, path => new VideoTransformer(path, config), (network, d) =>
        {
            Tensor mask = Tensor.FromArray<bool>([true, true, true, false, true, false, false, false], 2, 4).To(d);
            return network.Forward(Values(1, [2, 4, 3, 4, 4], d), Tensor.FromArray<float>([0.3f, 0.8f], 2).To(d), Values(2, [2, 4, 16], d), mask);
        });
    }

    private static double Autoencoder(Device device)
    {
        var config = VideoAutoencoderConfig.Create([8, 8, 16], [1, 1, 1], [1, 1, 1], 4);
        return OnBoth(device, path => new VideoAutoencoder(path, config), (network, d) => network.Decode(network.Encode(Values(3, [1, 3, 5, 16, 16], d).Clamp(-1, 1)).Mean));
    }

    private static double Layer(Device device)
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        ParameterPath root = ParameterPath.Root(new SpreadParameters(), DType.Float32, device);
        try
        {
            var layer = new SelfAttention(root, 64, 2, 1e-6);
            var (cos, sin) = new Rope3D(32, 10000).Angles(1, 4, 5, device);
            Tensor x = Values(4, [2, 20, 64], device), full = layer.Forward(x, cos, sin);
            using var autocast = Autocast.Enter(DType.BFloat16);
            return Distance(layer.Forward(x, cos, sin), full);
        }
        finally
        {
            root.Store.Dispose();
        }
    }

    private static double Leak(Device device)
    {
        long before = Tensor.LiveCount;
        _ = Transformer(device);
        _ = CompareGradient(device, t => F.Linear(t[0], t[1]), null, [3, 8], [5, 8]);
        return Math.Abs(Tensor.LiveCount - before);
    }

    private static double OnBoth<T>(Device device, Func<ParameterPath, T> build, Func<T, Device, Tensor> forward) where T : Module
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        ParameterPath there = ParameterPath.Root(new SpreadParameters(), DType.Float32, device), here = ParameterPath.Root(new SpreadParameters());
        try
        {
            return Distance(forward(build(there), device), forward(build(here), Device.Cpu));
        }
        finally
        {
            there.Store.Dispose();
            here.Store.Dispose();
        }
    }

    private static Tensor Values(ulong stream, long[] shape, Device device)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(new Generator(21, stream).Normal(shape).To(device).Clone());
    }

    // Networks start with zero gates; here every parameter is drawn, so that every part takes part.
    private sealed class SpreadParameters : IParameterSource
    {
        private const double Std = 0.1;
        private readonly InitializedParameters _drawn = new(17);

        public bool Trainable => false;

        public Tensor Get(string fullName, ReadOnlySpan<long> shape, Init init, DType dtype, Device device) => _drawn.Get(fullName, shape, Init.Normal(Std), dtype, device);
    }
}
