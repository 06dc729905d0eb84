// Oracle: torch.optim.AdamW and torch.nn.utils.clip_grad_norm_ of torch 1.13.1 (fixture train/optimizers).

using Kinora.Engine.Optimization;

namespace Kinora.Engine.Tests.Optimization;

public sealed class AdamWTests
{
    private static readonly AdamWOptions Torch = new() { Beta1 = 0.9, Beta2 = 0.99, WeightDecay = 0.05, DecayVectors = true };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Step_TwelveGivenGradients_EqualsTorch(bool fused)
    {
        using var golden = new GoldenFile("optimizers");
        using var scope = TensorScope.Enter();
        var p0 = Parameter(golden.Floats("in.p0"), 4, 6);
        var p1 = Parameter(golden.Floats("in.p1"), 5);
        using var optimizer = new AdamW([("p0", p0), ("p1", p1)], Torch, fused);
        float[] g0 = golden.Floats("in.g0"), g1 = golden.Floats("in.g1"), expected = golden.Floats("out.adamw");
        int row = 0;
        for (int step = 0; step < 12; step++)
        {
            p0.Grad = Tensor.FromArray<float>(g0.AsSpan(step * 24, 24), 4, 6);
            p1.Grad = Tensor.FromArray<float>(g1.AsSpan(step * 5, 5), 5);
            optimizer.Step(0.01);
            if (step + 1 is not (1 or 2 or 5 or 12))
                continue;
            float[] actual = [.. p0.ToArray<float>(), .. p1.ToArray<float>()];
            for (int i = 0; i < actual.Length; i++)
                actual[i].ShouldBe(expected[row * 29 + i], 3.1e-5f + 1e-4f * Math.Abs(expected[row * 29 + i]), $"step {step + 1}, element {i}");
            row++;
        }
        row.ShouldBe(4);
    }

    [Fact]
    public void Step_VectorsByDefault_DoNotDecay()
    {
        using var scope = TensorScope.Enter();
        var matrix = Parameter([1f], 1, 1);
        var vector = Parameter([1f], 1);
        using var optimizer = new AdamW([("matrix", matrix), ("vector", vector)], new AdamWOptions { WeightDecay = 0.5 });
        matrix.Grad = Tensor.Zeros([1, 1]);
        vector.Grad = Tensor.Zeros([1]);
        optimizer.Step(0.1);
        matrix.Item().ShouldBe(0.95, 1e-7);
        vector.Item().ShouldBe(1.0);
    }

    [Fact]
    public void Step_ParameterWithoutGradient_StaysAsItIs()
    {
        using var scope = TensorScope.Enter();
        var moved = Parameter([1f], 1, 1);
        var still = Parameter([1f], 1, 1);
        using var optimizer = new AdamW([("moved", moved), ("still", still)], Torch);
        moved.Grad = Tensor.Ones([1, 1]);
        optimizer.Step(0.1);
        moved.Item().ShouldBeLessThan(1.0);
        still.Item().ShouldBe(1.0);
    }

    [Fact]
    public void Step_GradientScale_EqualsScaledGradients()
    {
        using var scope = TensorScope.Enter();
        var a = Parameter([1f, -2f], 1, 2);
        var b = Parameter([1f, -2f], 1, 2);
        using var first = new AdamW([("p", a)], Torch);
        using var second = new AdamW([("p", b)], Torch);
        a.Grad = Tensor.FromArray([0.5f, 3f], 1, 2);
        b.Grad = Tensor.FromArray([0.125f, 0.75f], 1, 2);
        first.Step(0.01, 0.25);
        second.Step(0.01);
        a.ToArray<float>().ShouldBe(b.ToArray<float>());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void LoadState_AfterSomeSteps_ContinuesBitIdentically(bool fused)
    {
        using var scope = TensorScope.Enter();
        var original = Parameter([1f, 2f, 3f], 1, 3);
        using var optimizer = new AdamW([("p", original)], Torch, fused);
        Steps(original, optimizer, 3);
        var copy = Parameter(original.ToArray<float>(), 1, 3);
        using var restored = new AdamW([("p", copy)], Torch, fused);
        var saved = optimizer.State().ToDictionary(s => s.Name, s => s.Value, StringComparer.Ordinal);
        restored.LoadState(name => saved[name], optimizer.StepCount);
        Steps(original, optimizer, 3);
        Steps(copy, restored, 3);
        copy.ToArray<float>().ShouldBe(original.ToArray<float>());
    }

    [Fact]
    public void Step_Bfloat16Parameter_KeepsWhatRoundingWouldLose()
    {
        using var scope = TensorScope.Enter();
        var parameter = Tensor.FromArray([1f], 1, 1).To(DType.BFloat16).RequiresGradInPlace();
        using var optimizer = new AdamW([("p", parameter)], new AdamWOptions { WeightDecay = 0 });
        // 40 steps of 0.0005 move by 0.02; each is below half the spacing of bfloat16 at 1 (2⁻⁹) and would be lost without a master copy.
        for (int i = 0; i < 40; i++)
        {
            parameter.Grad = Tensor.Ones([1, 1], DType.BFloat16);
            optimizer.Step(0.0005);
        }
        parameter.To(DType.Float32).Item().ShouldBe(0.98, 0.004);
    }

    [Fact]
    public void ClipInPlace_GivenGradients_EqualsTorch()
    {
        using var golden = new GoldenFile("optimizers");
        using var scope = TensorScope.Enter();
        var p0 = Parameter(new float[24], 4, 6);
        var p1 = Parameter(new float[5], 5);
        p0.Grad = Tensor.FromArray<float>(golden.Floats("in.g0").AsSpan(0, 24), 4, 6);
        p1.Grad = Tensor.FromArray<float>(golden.Floats("in.g1").AsSpan(0, 5), 5);
        GradientClipping.ClipInPlace([p0, p1], maxNorm: 1).ShouldBe(golden.Floats("out.clip_total_norm")[0], 6e-5 + 1e-4 * 6);
        float[] expected = golden.Floats("out.clip_g0"), actual = p0.Grad!.ToArray<float>();
        for (int i = 0; i < expected.Length; i++)
            actual[i].ShouldBe(expected[i], 1e-5f + 1e-4f * Math.Abs(expected[i]));
    }

    [Fact]
    public void Factor_NormBelowTheLimit_IsOne()
    {
        GradientClipping.Factor(0.5, 1).ShouldBe(1.0);
        GradientClipping.Factor(4, 1).ShouldBe(0.25, 1e-6);
        GradientClipping.Factor(4, 0).ShouldBe(1.0);
    }

    private static void Steps(Tensor parameter, AdamW optimizer, int count)
    {
        for (int i = 0; i < count; i++)
        {
            parameter.Grad = (parameter.Detach() * 0.7 + i).Sin();
            optimizer.Step(0.05);
        }
    }

    private static Tensor Parameter(float[] values, params long[] shape) => Tensor.FromArray<float>(values, shape).RequiresGradInPlace();
}
