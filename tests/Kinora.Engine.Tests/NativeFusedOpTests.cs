namespace Kinora.Engine.Tests;

/// <summary>Every fused operator, at every instruction set, against the same mathematics in ATen operators.</summary>
public sealed class NativeFusedOpTests
{
    public static TheoryData<CpuLevel, DType> LevelsAndTypes() => NativeLevels.LevelsAndTypes();

    [Theory, MemberData(nameof(LevelsAndTypes))]
    public void LayerNormModulate_AtEveryLevel_EqualsItsDefinition(CpuLevel level, DType dtype)
    {
        using var scope = TensorScope.Enter();
        EngineRuntime.ManualSeed(1);
        // 37 numbers leave a ragged vector at every width; 700 rows are cut into several units of work.
        foreach (var (n, r, d) in new[] { (3L, 5L, 37L), (2L, 700L, 64L) })
        {
            NativeLevels.ShouldAgree(level, a => F.LayerNormModulate(a[0], a[1], a[2], 1e-6), a => Modulated(a[0], a[1], a[2]), NativeLevels.Tolerance(dtype),
                (Tensor.Randn([n, r, d]) * 3 + 1).To(dtype), Tensor.Randn([n, d]).To(dtype), Tensor.Randn([n, d]).To(dtype));
        }
    }

    [Theory, MemberData(nameof(LevelsAndTypes))]
    public void LayerNormModulate_WithAnOutputType_ReturnsIt(CpuLevel level, DType dtype)
    {
        using var scope = TensorScope.Enter();
        EngineRuntime.ManualSeed(2);
        Tensor[] inputs = [Tensor.Randn([2, 9, 48]), Tensor.Randn([2, 1, 48]), Tensor.Randn([2, 1, 48])];
        NativeLevels.At(level, () => F.LayerNormModulate(inputs[0], inputs[1], inputs[2], 1e-6, dtype)).DType.ShouldBe(dtype);
        NativeLevels.ShouldAgree(level, a => F.LayerNormModulate(a[0], a[1], a[2], 1e-6, dtype), a => Modulated(a[0], a[1], a[2]), NativeLevels.Tolerance(dtype), inputs);
    }

    private static Tensor Modulated(Tensor x, Tensor shift, Tensor scale)
    {
        Tensor mean = x.Mean([-1], keepDim: true), centered = x - mean;
        Tensor xHat = centered * (centered.Square().Mean([-1], keepDim: true) + 1e-6).Rsqrt();
        return xHat * (Rows(scale) + 1) + Rows(shift);
    }

    private static Tensor Rows(Tensor t) => t.Dim == 2 ? t.Unsqueeze(1) : t;

    [Theory, MemberData(nameof(LevelsAndTypes))]
    public void GatedResidual_AtEveryLevel_EqualsItsDefinition(CpuLevel level, DType dtype)
    {
        using var scope = TensorScope.Enter();
        EngineRuntime.ManualSeed(3);
        foreach (var (n, r, d) in new[] { (3L, 5L, 37L), (2L, 700L, 64L) })
        {
            // The residual stream stays float32 while the branch h is bf16, as in mixed-precision training.
            NativeLevels.ShouldAgree(level, a => F.GatedResidual(a[0], a[1], a[2]), a => a[0] + Rows(a[1]) * a[2], NativeLevels.Tolerance(dtype),
                Tensor.Randn([n, r, d]), Tensor.Randn([n, d]), Tensor.Randn([n, r, d]).To(dtype));
        }
    }

    [Theory, MemberData(nameof(LevelsAndTypes))]
    public void RmsNorm_AtEveryLevel_EqualsItsDefinition(CpuLevel level, DType dtype)
    {
        using var scope = TensorScope.Enter();
        EngineRuntime.ManualSeed(4);
        Tensor x = (Tensor.Randn([7, 90, 37]) * 2).To(dtype), w = Tensor.Randn([37]);
        static Tensor Normalized(Tensor x) => x * (x.Square().Mean([-1], keepDim: true) + 1e-6).Rsqrt();
        NativeLevels.ShouldAgree(level, a => F.RmsNorm(a[0], a[1], 1e-6), a => Normalized(a[0]) * a[1], NativeLevels.Tolerance(dtype), x, w);
        NativeLevels.ShouldAgree(level, a => F.RmsNorm(a[0], null, 1e-6), a => Normalized(a[0]), NativeLevels.Tolerance(dtype), x);
    }

    [Theory, MemberData(nameof(LevelsAndTypes))]
    public void QkNormRope_OnAViewOfAProjection_EqualsItsDefinition(CpuLevel level, DType dtype)
    {
        using var scope = TensorScope.Enter();
        EngineRuntime.ManualSeed(5);
        foreach (long d in new long[] { 10, 32 })
        {
            Tensor angle = Tensor.Randn([6, d / 2]) * 3, cos = angle.Cos(), sin = angle.Sin();
            // q is the middle of a packed [B, L, 3, H, D] projection: a view with gaps.
            NativeLevels.ShouldAgree(level,
                a => F.QkNormRope(a[0].Reshape(2, 6, 3, 4, d).Select(2, 1), a[1], cos, sin, 1e-6),
                a =>
                {
                    Tensor x = a[0].Reshape(2, 6, 3, 4, d).Select(2, 1);
                    return F.ApplyRope(x * (x.Square().Mean([-1], keepDim: true) + 1e-6).Rsqrt() * a[1], cos, sin);
                },
                NativeLevels.Tolerance(dtype), Tensor.Randn([2, 6, 12 * d]).To(dtype), Tensor.Randn([d]));
        }
    }

    [Theory, MemberData(nameof(LevelsAndTypes))]
    public void Activations_AtEveryLevel_EqualTheirDefinitions(CpuLevel level, DType dtype)
    {
        using var scope = TensorScope.Enter();
        EngineRuntime.ManualSeed(6);
        Tensor x = Tensor.Cat([Tensor.Randn([40_000]) * 4, Tensor.FromArray([-1e4f, -90f, -0f, 90f, 1e4f, 3f], 6)], 0).To(dtype);
        NativeLevels.ShouldAgree(level, a => F.Silu(a[0]), a => a[0] * a[0].Sigmoid(), NativeLevels.Tolerance(dtype), x);
        NativeLevels.ShouldAgree(level, a => F.GeluTanh(a[0]), a => a[0] * ((a[0] + a[0] * a[0] * a[0] * 0.044715) * (2 * Math.Sqrt(2 / Math.PI))).Sigmoid(), NativeLevels.Tolerance(dtype),
            x.Clamp(-100, 100));
    }

    [Fact]
    public void LayerNormModulate_Gradient_AgreesWithFiniteDifferences()
    {
        using var scope = TensorScope.Enter();
        EngineRuntime.ManualSeed(7);
        Tensor x = Tensor.Randn([1, 3, 8]), shift = Tensor.Randn([1, 8]), scale = Tensor.Randn([1, 8]), direction = Tensor.Randn([1, 3, 8]);
        Tensor own = x.Clone().RequiresGradInPlace();
        F.LayerNormModulate(own, shift, scale).Square().Sum().Backward();
        double slope = (own.Grad! * direction).Sum().Item();
        double Loss(double step) => F.LayerNormModulate(x + direction * step, shift, scale).To(DType.Float64).Square().Sum().Item();
        ((Loss(1e-2) - Loss(-1e-2)) / 2e-2).ShouldBe(slope, Math.Abs(slope) * 1e-2 + 1e-2);
    }

    [Fact]
    public void FusedOps_WithWrongShapes_NameTheArgument()
    {
        using var scope = TensorScope.Enter();
        Tensor x = Tensor.Ones([2, 3, 8]);
        Should.Throw<NativeException>(() => F.LayerNormModulate(x, Tensor.Ones([2, 7]), Tensor.Ones([2, 8]))).Message.ShouldContain("shift must be [2, 8]");
        Should.Throw<NativeException>(() => F.GatedResidual(x, Tensor.Ones([2, 8]), Tensor.Ones([2, 3, 9]))).Message.ShouldContain("h must have the shape of x");
        Should.Throw<NativeException>(() => F.QkNormRope(Tensor.Ones([1, 2, 3, 8]), Tensor.Ones([8]), Tensor.Ones([2, 8]), Tensor.Ones([2, 8]))).Message.ShouldContain("cos and sin must be [2, 4]");
    }

    [Fact]
    public void CpuLevel_ThatTheProcessorLacksOrThatDoesNotExist_IsRefused()
    {
        ((int)CpuKernels.Level).ShouldBeLessThanOrEqualTo((int)CpuKernels.Best);
        Should.Throw<NativeException>(() => CpuKernels.Level = CpuKernels.Best + 1).Message.ShouldContain("KINORA_CPU_LEVEL");
    }

    // A mean far from zero, one row more than a unit of work, groups that a vector spans.
    [Theory, MemberData(nameof(LevelsAndTypes))]
    public void GroupNorm_OfChannelsLastWithoutGradients_EqualsItsDefinition(CpuLevel level, DType dtype)
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        EngineRuntime.ManualSeed(11);
        foreach (var (n, c, groups, h, w) in new[] { (2L, 40L, 8L, 9L, 7L), (1L, 64L, 32L, 41L, 13L) })
        {
            Tensor x = (Tensor.Randn([n, h, w, c]) * 2 + 30).To(dtype).Permute(0, 3, 1, 2), weight = Tensor.Randn([c]).To(dtype), bias = Tensor.Randn([c]).To(dtype);
            Tensor grouped = x.To(DType.Float64).Reshape(n, groups, -1), mean = grouped.Mean([-1], keepDim: true), centered = grouped - mean;
            Tensor normed = (centered * (centered.Square().Mean([-1], keepDim: true) + 1e-5).Rsqrt()).Reshape(n, c, h, w);
            Tensor expected = normed * weight.To(DType.Float64).View(1, c, 1, 1) + bias.To(DType.Float64).View(1, c, 1, 1);
            Tensor actual = NativeLevels.At(level, () => F.GroupNorm(x, groups, weight, bias)), active = NativeLevels.At(level, () => F.GroupNorm(x, groups, weight, bias, silu: true));
            actual.DType.ShouldBe(dtype);
            actual.Strides.ShouldBe(x.Strides);
            NativeLevels.ShouldBeClose(actual, expected, NativeLevels.Tolerance(dtype), "norm");
            NativeLevels.ShouldBeClose(active, expected * expected.Sigmoid(), NativeLevels.Tolerance(dtype), "norm and SiLU");
        }
    }

    [Theory, MemberData(nameof(LevelsAndTypes))]
    public void GatedGelu_WithoutGradients_EqualsItsDefinition(CpuLevel level, DType dtype)
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        EngineRuntime.ManualSeed(12);
        Tensor x = (Tensor.Randn([3, 70, 2 * 37]) * 4).To(dtype);
        var (value, gate) = x.To(DType.Float64).Chunk2(-1);
        NativeLevels.ShouldBeClose(NativeLevels.At(level, () => F.GatedGelu(x)), value * gate.Gelu(), NativeLevels.Tolerance(dtype), "gated GELU");
    }

    [Theory, MemberData(nameof(LevelsAndTypes))]
    public void LayerNorm_WithoutGradients_EqualsItsDefinition(CpuLevel level, DType dtype)
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        EngineRuntime.ManualSeed(13);
        Tensor x = (Tensor.Randn([2, 9, 37]) * 3 + 5).To(dtype), weight = Tensor.Randn([37]).To(dtype), bias = Tensor.Randn([37]).To(dtype);
        Tensor wide = x.To(DType.Float64), centered = wide - wide.Mean([-1], keepDim: true);
        Tensor expected = centered * (centered.Square().Mean([-1], keepDim: true) + 1e-5).Rsqrt() * weight.To(DType.Float64) + bias.To(DType.Float64);
        NativeLevels.ShouldBeClose(NativeLevels.At(level, () => F.LayerNorm(x, weight, bias)), expected, NativeLevels.Tolerance(dtype), "norm");
    }
}
