namespace Kinora.Engine.Tests;

/// <summary>Fused attention, forward and backward, at every instruction set, against its definition in ATen operators.</summary>
public sealed class NativeAttentionTests
{
    public static TheoryData<CpuLevel, DType> LevelsAndTypes() => NativeLevels.LevelsAndTypes();

    // Probabilities are rounded to bf16 before they meet the values, so gradients carry one more rounding than the other operators.
    private static float Tolerance(DType dtype) => dtype == DType.BFloat16 ? 2.5e-2f : 3e-5f;

    private static Tensor[] Random(DType dtype, long queries, long keys, long d) =>
        [Tensor.Randn([2, 3, queries, d]).To(dtype), Tensor.Randn([2, 3, keys, d]).To(dtype), Tensor.Randn([2, 3, keys, d]).To(dtype)];

    [Theory, MemberData(nameof(LevelsAndTypes))]
    public void Attention_OnRaggedLengths_EqualsItsDefinition(CpuLevel level, DType dtype)
    {
        using var scope = TensorScope.Enter();
        EngineRuntime.ManualSeed(1);
        // One query; less than a block; across the blocks of 48 and 128 queries, and of 64 and 256 keys; heads that are padded.
        foreach (var (queries, keys, d) in new[] { (1L, 3L, 32L), (37L, 19L, 64L), (150L, 300L, 96L), (49L, 65L, 256L), (20L, 33L, 80L), (5L, 7L, 6L) })
        {
            NativeLevels.ShouldAgree(level, a => F.ScaledDotProductAttention(a[0], a[1], a[2]),
                a => F.ComposedAttention(a[0], a[1], a[2], null, false, 1 / Math.Sqrt(d)), Tolerance(dtype), Random(dtype, queries, keys, d));
        }
    }

    // Without gradients heads are padded to whole vectors of numbers, not of pairs: 40, 48 and 80 leave half a square to transpose.
    [Theory, MemberData(nameof(LevelsAndTypes))]
    public void Attention_OfAnyHeadWithoutGradients_EqualsItsDefinition(CpuLevel level, DType dtype)
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        EngineRuntime.ManualSeed(1);
        foreach (var (queries, keys, d) in new[] { (53L, 77L, 40L), (60L, 300L, 48L), (20L, 33L, 80L), (5L, 7L, 6L), (9L, 64L, 16L) })
        {
            Tensor[] a = Random(dtype, queries, keys, d);
            Tensor expected = F.ComposedAttention(a[0].To(DType.Float64), a[1].To(DType.Float64), a[2].To(DType.Float64), null, false, 1 / Math.Sqrt(d));
            NativeLevels.ShouldBeClose(NativeLevels.At(level, () => F.ScaledDotProductAttention(a[0], a[1], a[2])), expected, Tolerance(dtype), $"heads of {d}");
        }
    }

    [Theory, MemberData(nameof(LevelsAndTypes))]
    public void Attention_Causal_EqualsItsDefinition(CpuLevel level, DType dtype)
    {
        using var scope = TensorScope.Enter();
        EngineRuntime.ManualSeed(2);
        foreach (var (queries, keys) in new[] { (200L, 200L), (70L, 133L) })
        {
            NativeLevels.ShouldAgree(level, a => F.ScaledDotProductAttention(a[0], a[1], a[2], causal: true, scale: 0.3),
                a => F.ComposedAttention(a[0], a[1], a[2], null, true, 0.3), Tolerance(dtype), Random(dtype, queries, keys, 32));
        }
    }

    [Theory, MemberData(nameof(LevelsAndTypes))]
    public void Attention_WithAKeyMask_EqualsItsDefinition(CpuLevel level, DType dtype)
    {
        using var scope = TensorScope.Enter();
        EngineRuntime.ManualSeed(3);
        Tensor real = Tensor.Arange(0, 77).Lt(Tensor.FromArray([77L, 5L], 2, 1)).Reshape(2, 1, 1, 77);
        Tensor additive = Tensor.Randn([1, 1, 1, 77]);
        foreach (Tensor mask in new[] { real, additive })
        {
            NativeLevels.ShouldAgree(level, a => F.ScaledDotProductAttention(a[0], a[1], a[2], mask),
                a => F.ComposedAttention(a[0], a[1], a[2], mask, false, 1 / Math.Sqrt(32)), Tolerance(dtype), Random(dtype, 130, 77, 32));
        }
    }

    [Theory, MemberData(nameof(LevelsAndTypes))]
    public void Attention_OnViewsOfAPackedProjection_EqualsItsDefinition(CpuLevel level, DType dtype)
    {
        using var scope = TensorScope.Enter();
        EngineRuntime.ManualSeed(4);
        static Tensor[] Heads(Tensor packed) => [.. Enumerable.Range(0, 3).Select(i => packed.Reshape(2, 33, 3, 4, 32).Select(2, i).Transpose(1, 2))];
        NativeLevels.ShouldAgree(level,
            a => { Tensor[] h = Heads(a[0]); return F.ScaledDotProductAttention(h[0], h[1], h[2]); },
            a => { Tensor[] h = Heads(a[0]); return F.ComposedAttention(h[0], h[1], h[2], null, false, 1 / Math.Sqrt(32)); },
            Tolerance(dtype), Tensor.Randn([2, 33, 3 * 4 * 32]).To(dtype));
    }

    [Theory, MemberData(nameof(LevelsAndTypes))]
    public void Attention_OfAQueryWithoutKeys_IsZeroAndPassesNoGradient(CpuLevel level, DType dtype)
    {
        using var scope = TensorScope.Enter();
        EngineRuntime.ManualSeed(5);
        Tensor[] a = [.. Random(dtype, 5, 40, 32).Select(t => t.Clone().RequiresGradInPlace())];
        Tensor none = Tensor.FromArray([true, false], 2, 1, 1, 1).Expand([2, 1, 1, 40]);
        Tensor o = NativeLevels.At(level, () =>
        {
            Tensor r = F.ScaledDotProductAttention(a[0], a[1], a[2], none.Contiguous());
            r.Backward(Tensor.OnesLike(r));
            return r;
        });
        foreach (Tensor t in new[] { o, a[0].Grad!, a[1].Grad!, a[2].Grad! })
        {
            t.Detach().To(DType.Float32).Select(0, 1).Abs().Max().Item().ShouldBe(0);
            double other = t.Detach().To(DType.Float32).Select(0, 0).Abs().Max().Item();
            (other is > 0 and < 100).ShouldBeTrue();
        }
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 0)]
    [InlineData(false, 1)]
    [InlineData(true, 9)]
    public void Composed_InPiecesOfQueries_IsTheWhole(bool causal, int maskRows)
    {
        using var scope = TensorScope.Enter();
        Tensor q = Tensor.Randn([2, 3, 9, 8]), k = Tensor.Randn([2, 3, 11, 8]), v = Tensor.Randn([2, 3, 11, 8]);
        Tensor? mask = maskRows == 0 ? null : Tensor.Randn([2, 1, maskRows, 11]);
        Tensor whole = F.ComposedAttention(q, k, v, mask, causal, 0.3);
        foreach (long scores in new long[] { 1, 2 * 3 * 11 * 4, 2 * 3 * 11 * 8 })
        {
            (F.ComposedAttention(q, k, v, mask, causal, 0.3, scores) - whole).Abs().Max().Item().ShouldBeLessThan(1e-6);
        }
    }

    [Fact]
    public void Attention_OfOneHeadOverManyKeys_SharesKeysBetweenThreadsAndAgrees()
    {
        using var scope = TensorScope.Enter();
        EngineRuntime.ManualSeed(6);
        Tensor[] inputs = [Tensor.Randn([1, 1, 65, 32]), Tensor.Randn([1, 1, 1100, 32]), Tensor.Randn([1, 1, 1100, 32])];
        int threads = EngineRuntime.Threads;
        try
        {
            EngineRuntime.Threads = 3;
            NativeLevels.ShouldAgree(CpuKernels.Best, a => F.ScaledDotProductAttention(a[0], a[1], a[2]),
                a => F.ComposedAttention(a[0], a[1], a[2], null, false, 1 / Math.Sqrt(32)), Tolerance(DType.Float32), inputs);
        }
        finally
        {
            EngineRuntime.Threads = threads;
        }
    }

    [Fact]
    public void Attention_OfHeadSizesThatDoNotFuse_IsComposedAndAgrees()
    {
        using var scope = TensorScope.Enter();
        EngineRuntime.ManualSeed(7);
        foreach (long d in new long[] { 8, 40, 272 })
        {
            NativeLevels.ShouldAgree(CpuKernels.Best, a => F.ScaledDotProductAttention(a[0], a[1], a[2], causal: true),
                a => F.ComposedAttention(a[0], a[1], a[2], null, true, 1 / Math.Sqrt(d)), Tolerance(DType.Float32), Random(DType.Float32, 9, 9, d));
        }
    }

    [Fact]
    public void Attention_OfNaN_IsNaN()
    {
        using var scope = TensorScope.Enter();
        Tensor q = Tensor.Full([1, 1, 4, 32], double.NaN), k = Tensor.Ones([1, 1, 4, 32]);
        for (CpuLevel level = CpuLevel.Generic; level <= CpuKernels.Best; level++)
            NativeLevels.At(level, () => F.ScaledDotProductAttention(q, k, k)).ToArray<float>().ShouldAllBe(x => float.IsNaN(x));
    }

    [Fact]
    public void Attention_WithShapesThatDoNotMeet_NamesThem()
    {
        using var scope = TensorScope.Enter();
        Tensor q = Tensor.Ones([1, 2, 3, 32]);
        Should.Throw<NativeException>(() => F.ScaledDotProductAttention(q, Tensor.Ones([1, 2, 5, 32]), Tensor.Ones([1, 2, 4, 32]))).Message.ShouldContain("[1, 2, 4, 32]");
        Should.Throw<NativeException>(() => F.ScaledDotProductAttention(q, q.To(DType.BFloat16), q)).Message.ShouldContain("one type");
    }
}
