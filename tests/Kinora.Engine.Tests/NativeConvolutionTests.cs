namespace Kinora.Engine.Tests;

/// <summary>Convolutions by minimal filtering, at every instruction set, against libtorch's in float64.</summary>
public sealed class NativeConvolutionTests
{
    public static TheoryData<CpuLevel, DType> LevelsAndTypes() => NativeLevels.LevelsAndTypes();

    // Edges inside a tile, several batches of filters, a group of filters that is not full, no padding.
    [Theory, MemberData(nameof(LevelsAndTypes))]
    public void Conv2d_AtEveryLevel_EqualsItsDefinition(CpuLevel level, DType dtype)
    {
        foreach (var (b, c, h, w, filters, padding) in new[] { (1, 16, 21, 27, 16, 1), (2, 48, 17, 16, 80, 1), (3, 32, 14, 22, 144, 0) })
        {
            ShouldAgree(level, dtype, [b, c, h, w], [filters, c, 3, 3], (x, weight, bias) => F.Conv2d(x, weight, bias, padding: padding));
        }
    }

    [Theory, MemberData(nameof(LevelsAndTypes))]
    public void Conv3d_AtEveryLevel_EqualsItsDefinition(CpuLevel level, DType dtype)
    {
        ShouldAgree(level, dtype, [2, 16, 5, 13, 16], [48, 16, 3, 3, 3], (x, weight, bias) => F.Conv3d(x, weight, bias, padding: (0, 1, 1)));
        ShouldAgree(level, dtype, [2, 16, 5, 13, 16], [3, 16, 3, 3, 3], (x, weight, bias) => F.Conv3d(x, weight, bias, padding: (0, 1, 1)));
    }

    [Theory, MemberData(nameof(LevelsAndTypes))]
    public void DoubledConv2d_AtEveryLevel_EqualsResamplingFirst(CpuLevel level, DType dtype)
    {
        ShouldAgree(level, dtype, [2, 32, 9, 11], [16, 32, 3, 3], (x, weight, bias) => F.DoubledConv2d(x, weight, bias, 1));
        using var scope = TensorScope.Enter();
        Tensor x = Tensor.Randn([1, 32, 9, 11]), weight = Tensor.Randn([16, 32, 3, 3]);
        using var noGrad = GradMode.NoGrad();
        NativeLevels.ShouldBeClose(F.DoubledConv2d(x, weight, null, 1), F.Conv2d(F.InterpolateNearest(x, 2, 2), weight, padding: 1), 1e-5f, "doubled");
    }

    [Fact]
    public void Conv2d_WithGradients_HasThoseOfTheDefinition()
    {
        using var scope = TensorScope.Enter();
        Tensor x = Tensor.Randn([2, 32, 24, 24]), weight = Tensor.Randn([32, 32, 3, 3]);
        NativeLevels.ShouldAgree(CpuKernels.Best, a => F.Conv2d(a[0], a[1], padding: 1), a => F.Conv2d(a[0], a[1], padding: 1), 2e-5f, x, weight);
    }

    // Float64 never takes the fast form, so it is the definition.
    private static void ShouldAgree(CpuLevel level, DType dtype, long[] shape, long[] filters, Func<Tensor, Tensor, Tensor, Tensor> convolve)
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        EngineRuntime.ManualSeed(7);
        Tensor x = Tensor.Randn(shape).To(dtype), weight = (Tensor.Randn(filters) * 0.1).To(dtype), bias = Tensor.Randn([filters[0]]).To(dtype);
        Tensor expected = convolve(x.To(DType.Float64), weight.To(DType.Float64), bias.To(DType.Float64));
        Tensor planar = NativeLevels.At(level, () => convolve(x, weight, bias));
        planar.Strides[1].ShouldBe(1, "the fast form was not taken");
        NativeLevels.ShouldBeClose(planar, expected, dtype == DType.BFloat16 ? 4e-3f : 5e-6f, "from planes");
        // The same numbers with channels last in memory.
        long[] toLast = [0, .. Enumerable.Range(2, shape.Length - 2).Select(i => (long)i), 1], back = [0, shape.Length - 1, .. Enumerable.Range(1, shape.Length - 2).Select(i => (long)i)];
        Tensor channelsLast = x.Permute(toLast).Contiguous().Permute(back);
        Numbers(NativeLevels.At(level, () => convolve(channelsLast, weight, bias))).ShouldBe(Numbers(planar));
    }

    private static float[] Numbers(Tensor t) => t.To(DType.Float32).ToArray<float>();
}
