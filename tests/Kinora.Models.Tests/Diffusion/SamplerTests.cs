// Oracles: the exact solution of the flow ODE for Gaussian data, and 10-step trajectories of huggingface/diffusers 0.40 (d035dcd7) and
// Wan-Video/Wan2.1 with an analytic network (the procedure stands in each fixture's meta.json).

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Diffusion.Samplers;
using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Models.Tests.Diffusion;

public sealed class SamplerTests
{
    private delegate Tensor Sampler(Func<Tensor, double, Tensor> velocity, Tensor x, IReadOnlyList<double> sigmas, Action<SamplerStep>? onStep = null);

    private static Sampler Named(string name) => name switch
    {
        "euler" => EulerSampler.Sample,
        "heun" => HeunSampler.Sample,
        "dpm++" => DpmSolverSampler.Sample,
        _ => UniPcSampler.Sample,
    };

    // For x ~ N(m, s²): E[x | z] = m + (1 − σ) s² / ((1 − σ)² s² + σ²) (z − (1 − σ) m), v = (z − E[x | z]) / σ, and the flow keeps (z − (1 − σ) m) / √((1 − σ)² s² + σ²).
    private static double Error(Sampler sampler, int steps, double firstSigma, double lastSigma)
    {
        const double Mean = 0.7, Std = 0.3;
        using var scope = TensorScope.Enter();
        Tensor noise = Tensor.FromArray([-1.5, 0.2, 1.0], 3);
        double Spread(double sigma) => Math.Sqrt((1 - sigma) * (1 - sigma) * Std * Std + sigma * sigma);
        Tensor start = noise * Spread(firstSigma) + (1 - firstSigma) * Mean;
        Tensor Velocity(Tensor z, double sigma)
        {
            double gain = (1 - sigma) * Std * Std / (Spread(sigma) * Spread(sigma));
            Tensor data = (z - (1 - sigma) * Mean) * gain + Mean;
            return (z - data) / sigma;
        }
        double[] sigmas = [.. new FlowSchedule().Sigmas(steps).Select(s => lastSigma + s * (firstSigma - lastSigma))];
        Tensor result = sampler(Velocity, start, sigmas);
        return (result - (noise * Spread(lastSigma) + (1 - lastSigma) * Mean)).Abs().Max().Item();
    }

    [Theory]
    [InlineData("euler", 1.0)]
    [InlineData("heun", 2.0)]
    [InlineData("dpm++", 2.0)]
    public void Sample_GaussianData_ConvergesAtItsOrder(string name, double order)
    {
        double coarse = Error(Named(name), 80, firstSigma: 0.95, lastSigma: 0.05);
        double fine = Error(Named(name), 160, firstSigma: 0.95, lastSigma: 0.05);
        Math.Log2(coarse / fine).ShouldBeInRange(order - 0.15, order + 0.6, $"{coarse} → {fine}");
    }

    [Fact]
    public void Sample_GaussianDataByUniPc_BeatsTheSolverWithoutCorrector()
    {
        // Its last step is first order and uncorrected, as in the reference, so the whole is second order with a smaller constant.
        double coarse = Error(UniPcSampler.Sample, 80, firstSigma: 0.95, lastSigma: 0.05);
        double fine = Error(UniPcSampler.Sample, 160, firstSigma: 0.95, lastSigma: 0.05);
        Math.Log2(coarse / fine).ShouldBeInRange(1.7, 3.2, $"{coarse} → {fine}");
        coarse.ShouldBeLessThan(Error(DpmSolverSampler.Sample, 80, firstSigma: 0.95, lastSigma: 0.05));
    }

    [Theory]
    [InlineData("euler", 0.03)]
    [InlineData("heun", 0.02)]
    [InlineData("dpm++", 0.02)]
    [InlineData("unipc", 0.02)]
    public void Sample_GaussianDataFromPureNoise_ReachesTheExactSolution(string name, double tolerance) =>
        Error(Named(name), 50, firstSigma: 1, lastSigma: 0).ShouldBeLessThan(tolerance);

    [Theory]
    [InlineData("dpm++")]
    [InlineData("unipc")]
    public void Sample_TwoSteps_IsEulersStep(string name)
    {
        // The first step and the last are first order, and at first order all of these are the same formula.
        using var scope = TensorScope.Enter();
        Tensor x = Tensor.FromArray([0.5, -2.0], 2);
        static Tensor Velocity(Tensor z, double sigma) => z * 0.3;
        double[] sigmas = [0.8, 0.0];
        double[] expected = EulerSampler.Sample(Velocity, x, sigmas).ToArray<double>();
        double[] actual = Named(name)(Velocity, x, sigmas).ToArray<double>();
        actual[0].ShouldBe(expected[0], 1e-15);
        actual[1].ShouldBe(expected[1], 1e-15);
    }

    [Theory]
    [InlineData("euler", "flow_euler_shift3")]
    [InlineData("euler", "flow_euler_custom_sigmas")]
    [InlineData("heun", "flow_heun_shift3")]
    [InlineData("dpm++", "wan_original_flow_dpmpp_shift5")]
    [InlineData("unipc", "wan_original_flow_unipc_shift3")]
    public void Sample_GoldenTrajectory_AgreesWithTheReference(string name, string fixture)
    {
        using var scope = TensorScope.Enter();
        using SafetensorsFile io = SafetensorsFile.Open(Path.Combine(AppContext.BaseDirectory, "Fixtures", "schedulers", fixture, "io.safetensors"));
        float[] timesteps = io.Read("out.timesteps", DType.Float32).ToArray<float>();
        // Heun's list holds every inner level twice.
        double[] sigmas = [.. io.Read("out.sigmas").ToArray<float>().Select(s => (double)s).Distinct()];
        Tensor reference = io.Read("out.traj");
        int calls = 0;
        Tensor Velocity(Tensor z, double sigma)
        {
            double scale = Math.Max(1, reference.Select(0, calls).Abs().Max().Item());
            (z - reference.Select(0, calls)).Abs().Max().Item().ShouldBeLessThan(1.2e-5 * scale, $"input of call {calls}");
            return z * 0.3 + 0.1 * MathF.Sin(timesteps[calls++]);
        }
        Tensor result = Named(name)(Velocity, io.Read("in.x_init"), sigmas);
        calls.ShouldBe(timesteps.Length);
        double last = Math.Max(1, reference.Select(0, calls).Abs().Max().Item());
        (result - reference.Select(0, calls)).Abs().Max().Item().ShouldBeLessThan(1.2e-5 * last);
    }

    [Theory]
    [InlineData("euler")]
    [InlineData("heun")]
    [InlineData("dpm++")]
    [InlineData("unipc")]
    public void Sample_ReportsEveryStep_AndLeaksNothing(string name)
    {
        long live = Tensor.LiveCount;
        using (var scope = TensorScope.Enter())
        {
            var seen = new List<(int, int, double)>();
            Tensor x = Tensor.Ones([4]);
            Tensor result = Named(name)((z, _) => z * 0.5, x, new FlowSchedule(2).Sigmas(6), s => seen.Add((s.Index, s.Count, s.Sigma)));
            seen.Select(s => s.Item1).ShouldBe([1, 2, 3, 4, 5, 6]);
            seen.ShouldAllBe(s => s.Item2 == 6);
            x.ToArray<float>().ShouldBe([1f, 1, 1, 1]);
            result.Shape.ShouldBe([4]);
            scope.Count.ShouldBe(2);
        }
        Tensor.LiveCount.ShouldBe(live);
    }
}
