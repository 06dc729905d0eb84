using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Models.Diffusion.Objectives;

namespace Kinora.Models.Tests.Diffusion;

public sealed class FlowMatchingObjectiveTests
{
    [Fact]
    public void SampleSigma_LogitNormal_HasItsMedianAndQuartiles()
    {
        var generator = new Generator(5);
        var objective = new FlowMatchingObjective(LogitMean: 0, LogitStd: 1, Shift: 3);
        double[] sigmas = [.. Enumerable.Range(0, 20_000).Select(_ => objective.SampleSigma(generator)).Order()];
        // The quartiles of N(0, 1) are ±0.67449; sigmoid and shift are monotonic.
        static double At(double u)
        {
            double s = 1 / (1 + Math.Exp(-u));
            return 3 * s / (1 + 2 * s);
        }
        sigmas[5_000].ShouldBe(At(-0.67449), 0.01);
        sigmas[10_000].ShouldBe(0.75, 0.01);
        sigmas[15_000].ShouldBe(At(0.67449), 0.01);
        sigmas[0].ShouldBeGreaterThan(0);
        sigmas[^1].ShouldBeLessThan(1);
    }

    [Fact]
    public void AddNoise_KnownFrames_StayExact_AndTheTargetIsNoiseMinusData()
    {
        using var scope = TensorScope.Enter();
        Tensor x = new Generator(1).Normal([2, 3, 2, 1, 1]);
        Tensor noise = new Generator(2).Normal([2, 3, 2, 1, 1]);
        float[] sigmas = new float[4], weights = new float[4];
        FlowMatchingObjective.FillFrames(0.25, knownFrames: 1, sigmas.AsSpan(0, 2), weights.AsSpan(0, 2));
        FlowMatchingObjective.FillFrames(1.0, knownFrames: 0, sigmas.AsSpan(2), weights.AsSpan(2));
        sigmas.ShouldBe([0f, 0.25f, 1f, 1f]);
        weights.ShouldBe([0f, 2f, 1f, 1f]);
        Tensor z = FlowMatchingObjective.AddNoise(x, noise, Tensor.FromArray<float>(sigmas, 2, 2));
        z.Select(0, 0).Select(1, 0).ToArray<float>().ShouldBe(x.Select(0, 0).Select(1, 0).ToArray<float>());
        (z.Select(0, 1) - noise.Select(0, 1)).Abs().Max().Item().ShouldBeLessThan(1e-6);
        // z = (1 − σ) x + σ ε, so data and noise follow from z and the target.
        Tensor v = FlowMatchingObjective.Target(x, noise);
        Tensor frame = z.Select(0, 0).Select(1, 1) - v.Select(0, 0).Select(1, 1) * 0.25;
        (frame - x.Select(0, 0).Select(1, 1)).Abs().Max().Item().ShouldBeLessThan(1e-6);
    }

    [Fact]
    public void LossPerSample_KnownFrames_AreLeftOut()
    {
        using var scope = TensorScope.Enter();
        Tensor target = Tensor.Zeros([1, 2, 4, 1, 1]);
        Tensor velocity = Tensor.FromArray([100f, 1, 1, 1, 100, 1, 1, 1], 1, 2, 4, 1, 1);
        float[] sigmas = new float[4], weights = new float[4];
        FlowMatchingObjective.FillFrames(0.5, knownFrames: 1, sigmas, weights);
        FlowMatchingObjective.LossPerSample(velocity, target, Tensor.FromArray<float>(weights, 1, 4)).Item().ShouldBe(1, 1e-6);
    }
}
