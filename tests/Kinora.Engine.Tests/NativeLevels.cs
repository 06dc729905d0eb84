namespace Kinora.Engine.Tests;

/// <summary>Runs native kernels at every instruction set of this processor and compares them with ATen's operators.</summary>
internal static class NativeLevels
{
    /// <summary>Every level that this processor has, times float32 and bf16.</summary>
    public static TheoryData<CpuLevel, DType> LevelsAndTypes()
    {
        var data = new TheoryData<CpuLevel, DType>();
        for (CpuLevel level = CpuLevel.Generic; level <= CpuKernels.Best; level++)
        {
            data.Add(level, DType.Float32);
            data.Add(level, DType.BFloat16);
        }
        return data;
    }

    /// <summary>Largest relative deviation that a type allows: float32 sums of a few hundred numbers; bf16 has 8 bits, and its result is rounded twice.</summary>
    public static float Tolerance(DType dtype) => dtype == DType.BFloat16 ? 1.6e-2f : 2e-5f;

    public static T At<T>(CpuLevel level, Func<T> work)
    {
        CpuLevel before = CpuKernels.Level;
        CpuKernels.Level = level;
        try
        {
            return work();
        }
        finally
        {
            CpuKernels.Level = before;
        }
    }

    /// <summary>
    /// Result and gradients of <paramref name="fused"/> at a level against those of <paramref name="reference"/> on float32 copies
    /// of the same inputs. Deviations are relative to the largest magnitude of each array.
    /// </summary>
    public static void ShouldAgree(CpuLevel level, Func<Tensor[], Tensor> fused, Func<Tensor[], Tensor> reference, float tolerance, params Tensor[] inputs)
    {
        using var scope = TensorScope.Enter();
        Tensor[] wide = [.. inputs.Select(t => t.Detach().To(DType.Float32).Clone().RequiresGradInPlace())];
        Tensor[] own = [.. inputs.Select(t => t.Detach().Clone().RequiresGradInPlace())];
        Tensor expected = reference(wide);
        Tensor g = Tensor.Randn(expected.Shape);
        Tensor actual = At(level, () => fused(own));
        Tensor gType = g.To(actual.DType);
        expected.Backward(gType.To(DType.Float32));
        At(level, () =>
        {
            actual.Backward(gType);
            return 0;
        });
        ShouldBeClose(actual, expected, tolerance, "result");
        for (int i = 0; i < inputs.Length; i++)
        {
            own[i].Grad!.DType.ShouldBe(inputs[i].DType);
            ShouldBeClose(own[i].Grad!, wide[i].Grad!, tolerance, $"gradient of input {i}");
        }
    }

    public static void ShouldBeClose(Tensor actual, Tensor expected, float tolerance, string what)
    {
        actual.Shape.ShouldBe(expected.Shape);
        float[] a = actual.Detach().To(DType.Float32).ToArray<float>(), e = expected.Detach().To(DType.Float32).ToArray<float>();
        float scale = Math.Max(e.Max(Math.Abs), 1e-3f), worst = 0;
        for (int i = 0; i < a.Length; i++)
        {
            float.IsFinite(a[i]).ShouldBeTrue(what);
            worst = Math.Max(worst, Math.Abs(a[i] - e[i]) / scale);
        }
        worst.ShouldBeLessThan(tolerance, what);
    }
}
