using Kinora.Engine.Layers;

namespace Kinora.Engine.Tests;

public sealed class AutogradTests
{
    [Fact]
    public void Backward_ThroughALinearLayer_GivesTheAnalyticGradient()
    {
        using var scope = TensorScope.Enter();
        Tensor w = Tensor.FromArray([1f, 2f, 3f, 4f], 2, 2).RequiresGradInPlace();
        Tensor x = Tensor.FromArray([1f, -1f], 1, 2);

        F.Linear(x, w).Square().Sum().Backward();

        // y = (−1, −1); dL/dW = 2 y xᵀ
        w.Grad!.ToArray<float>().ShouldBe([-2f, 2f, -2f, 2f]);
    }

    [Fact]
    public void NoGrad_Records_Nothing()
    {
        using var scope = TensorScope.Enter();
        Tensor w = Tensor.Ones([2]).RequiresGradInPlace();
        using (GradMode.NoGrad())
            (w * 2).RequiresGrad.ShouldBeFalse();
        (w * 2).RequiresGrad.ShouldBeTrue();
    }

    [Fact]
    public void Checkpoint_RecomputesAndGivesTheSameGradients()
    {
        using var scope = TensorScope.Enter();
        EngineRuntime.ManualSeed(3);
        Tensor x = Tensor.Randn([8, 16]);
        float[][] grads = new float[2][];
        for (int pass = 0; pass < 2; pass++)
        {
            Tensor w = Tensor.Linspace(-1, 1, 256).Reshape(16, 16).RequiresGradInPlace();
            static Tensor Block(Tensor[] a) => F.GeluTanh(F.Linear(a[0], a[1])).Matmul(a[1]);
            Tensor y = pass == 0 ? Block([x, w]) : Autograd.Checkpoint(Block, x, w);
            y.Square().Mean().Backward();
            grads[pass] = w.Grad!.ToArray<float>();
        }
        grads[1].ShouldBe(grads[0]);
    }

    [Fact]
    public void Checkpoint_WhoseRecomputeThrows_GivesTheManagedExceptionBack()
    {
        using var scope = TensorScope.Enter();
        Tensor w = Tensor.Ones([2]).RequiresGradInPlace();
        bool first = true;
        Tensor y = Autograd.Checkpoint(a =>
        {
            if (!first)
                throw new InvalidOperationException("recompute failed");
            first = false;
            return a[0] * a[0];
        }, w);
        Should.Throw<InvalidOperationException>(() => y.Sum().Backward()).Message.ShouldBe("recompute failed");
    }

    [Fact]
    public void Autocast_OnALinearLayer_ComputesInBf16AndKeepsFloat32Gradients()
    {
        using var scope = TensorScope.Enter();
        var layer = new Linear(ParameterPath.Root(new InitializedParameters(7)), 32, 8);
        Tensor x = Tensor.Ones([4, 32]);
        using (Autocast.Enter(DType.BFloat16))
        {
            Tensor y = layer.Forward(x);
            y.DType.ShouldBe(DType.BFloat16);
            y.To(DType.Float32).Sum().Backward();
        }
        ((ResidentWeight)layer.Weight).Value.Grad!.DType.ShouldBe(DType.Float32);
        ((ResidentWeight)layer.Weight).Value.Grad!.ToArray<float>().ShouldAllBe(g => g == 4f);
        layer.Path.Store.Dispose();
    }

    [Fact]
    public void FusedAttention_WithGradients_EqualsItsDefinition()
    {
        using var scope = TensorScope.Enter();
        EngineRuntime.ManualSeed(5);
        Tensor[] qkv = [.. Enumerable.Range(0, 3).Select(_ => Tensor.Randn([2, 3, 37, 32]))];
        Tensor g = Tensor.Randn([2, 3, 37, 32]);
        var results = new List<float[]>();
        foreach (bool fused in new[] { false, true })
        {
            Tensor[] a = [.. qkv.Select(t => t.Clone().RequiresGradInPlace())];
            Tensor o = fused ? F.ScaledDotProductAttention(a[0], a[1], a[2]) : F.ComposedAttention(a[0], a[1], a[2], null, false, 1 / Math.Sqrt(32));
            o.Backward(g);
            results.Add([.. o.ToArray<float>(), .. a.SelectMany(t => t.Grad!.ToArray<float>())]);
        }
        results[1].Zip(results[0], (p, q) => Math.Abs(p - q)).Max().ShouldBeLessThan(2e-5f);
    }
}
