using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Models.Diffusion.Guidance;

namespace Kinora.Models.Tests.Diffusion;

public sealed class ClassifierFreeGuidanceTests
{
    [Fact]
    public void Combine_ScaleOne_IsTheConditionalPredictionBitForBit()
    {
        using var scope = TensorScope.Enter();
        Tensor u = new Generator(1).Normal([2, 8]);
        Tensor c = new Generator(2).Normal([2, 8]);
        ClassifierFreeGuidance.Combine(u, c, 1).ToArray<float>().ShouldBe(c.ToArray<float>());
        ClassifierFreeGuidance.Guide((_, _) => Tensor.Cat([u, c], 0), 1)(u, 0.5).ToArray<float>().ShouldBe(c.ToArray<float>());
    }

    [Fact]
    public void Combine_ScaleZeroAndTwo_ExtrapolateLinearly()
    {
        using var scope = TensorScope.Enter();
        Tensor u = Tensor.FromArray([1f, 2], 1, 2);
        Tensor c = Tensor.FromArray([3f, 1], 1, 2);
        ClassifierFreeGuidance.Combine(u, c, 0).ToArray<float>().ShouldBe([1f, 2]);
        ClassifierFreeGuidance.Combine(u, c, 2).ToArray<float>().ShouldBe([5f, 0]);
    }

    [Fact]
    public void Combine_FullRescale_RestoresEachSamplesDeviation()
    {
        using var scope = TensorScope.Enter();
        Tensor u = new Generator(1).Normal([2, 4, 50]);
        Tensor c = new Generator(2).Normal([2, 4, 50]) * 3.0;
        Tensor guided = ClassifierFreeGuidance.Combine(u, c, 7, rescale: 1);
        float[] expected = c.Flatten(1).Std([1]).ToArray<float>();
        float[] actual = guided.Flatten(1).Std([1]).ToArray<float>();
        actual[0].ShouldBe(expected[0], 1e-4f);
        actual[1].ShouldBe(expected[1], 1e-4f);
    }

    [Fact]
    public void Guide_CallsTheNetworkOnceWithBothHalves()
    {
        using var scope = TensorScope.Enter();
        int calls = 0;
        Tensor x = Tensor.Ones([3, 2]);
        Tensor result = ClassifierFreeGuidance.Guide((both, sigma) =>
        {
            calls++;
            both.Shape.ShouldBe([6, 2]);
            sigma.ShouldBe(0.5);
            return Tensor.Cat([Tensor.Zeros([3, 2]), Tensor.Ones([3, 2])], 0);
        }, 4)(x, 0.5);
        calls.ShouldBe(1);
        result.ToArray<float>().ShouldAllBe(v => v == 4f);
    }
}
