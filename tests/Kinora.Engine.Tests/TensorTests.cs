using Kinora.Engine.Layers;

namespace Kinora.Engine.Tests;

public sealed class TensorTests
{
    [Fact]
    public void Operators_OnSmallMatrices_EqualHandComputedValues()
    {
        using var scope = TensorScope.Enter();
        Tensor a = Tensor.FromArray([1f, 2f, 3f, 4f], 2, 2), b = Tensor.FromArray([5f, 6f, 7f, 8f], 2, 2);

        (a + b).ToArray<float>().ShouldBe([6f, 8f, 10f, 12f]);
        (2.0 - a).ToArray<float>().ShouldBe([1f, 0f, -1f, -2f]);
        a.Matmul(b).ToArray<float>().ShouldBe([19f, 22f, 43f, 50f]);
        a.Transpose(0, 1).ToArray<float>().ShouldBe([1f, 3f, 2f, 4f]);
        a.Sum([0]).ToArray<float>().ShouldBe([4f, 6f]);
        a.Var([1]).ToArray<float>().ShouldBe([0.5f, 0.5f]);
        a.Slice(1, 0, 1).Shape.ShouldBe([2, 1]);
        Tensor.Cat([a, b], 1).ToArray<float>().ShouldBe([1f, 2f, 5f, 6f, 3f, 4f, 7f, 8f]);
        a.Argmax(1).ToArray<long>().ShouldBe([1, 1]);
        a.Clamp(2, 3).ToArray<float>().ShouldBe([2f, 2f, 3f, 3f]);
    }

    [Fact]
    public void MaxPool_ComparingRows_GivesWhatWindowsWithGradientsGive()
    {
        using var scope = TensorScope.Enter();
        F.MaxPool2d(Tensor.FromArray([1f, 5f, 2f, 4f, 3f, 0f, 7f, 6f, 8f], 1, 1, 3, 3), 2, 1).ToArray<float>().ShouldBe([5f, 5f, 7f, 8f]);
        Tensor flat = Tensor.Randn([2, 3, 9, 12]).To(DType.BFloat16).To(DType.Float32), solid = Tensor.Randn([2, 3, 5, 9, 8]).To(DType.BFloat16).To(DType.Float32);
        // With gradients ATen's own pooling runs.
        Tensor Windows(Tensor x, Func<Tensor, Tensor> pool) => pool(x.Clone().RequiresGradInPlace()).Detach();
        foreach (var (kernel, stride) in new (Size3 Kernel, Size3 Stride)[] { (3, 2), (2, 2), ((1, 3, 2), (1, 2, 1)), (3, 1) })
        {
            Tensor Pool2(Tensor x) => F.MaxPool2d(x, (kernel.Height, kernel.Width), (stride.Height, stride.Width));
            Tensor Pool3(Tensor x) => F.MaxPool3d(x, kernel, stride);
            float[] expected2 = Windows(flat, Pool2).ToArray<float>(), expected3 = Windows(solid, Pool3).ToArray<float>();
            Pool2(flat).Contiguous().ToArray<float>().ShouldBe(expected2);
            Pool2(flat.ContiguousChannelsLast()).Contiguous().ToArray<float>().ShouldBe(expected2);
            Pool2(flat.To(DType.BFloat16)).To(DType.Float32).Contiguous().ToArray<float>().ShouldBe(expected2);
            Pool3(solid).Contiguous().ToArray<float>().ShouldBe(expected3);
            Pool3(solid.To(DType.BFloat16)).To(DType.Float32).Contiguous().ToArray<float>().ShouldBe(expected3);
        }
        Should.Throw<NativeException>(() => F.MaxPool2d(flat, 20));
    }

    [Fact]
    public void Conversions_ToBf16AndBack_RoundToNearestEven()
    {
        using var scope = TensorScope.Enter();
        // 1 + 2^-8 lies midway between two bf16 numbers and rounds to the even one, 1.
        Tensor t = Tensor.FromArray([1f + 1f / 256, 3.140625f], 2).To(DType.BFloat16);

        t.DType.ShouldBe(DType.BFloat16);
        t.To(DType.Float32).ToArray<float>().ShouldBe([1f, 3.140625f]);
    }

    [Fact]
    public void Scope_Ends_FreesItsTensorsAndKeepsWhatIsPassedOut()
    {
        long before = Tensor.LiveCount;
        using (TensorScope.Enter())
        {
            Tensor result;
            using (var inner = TensorScope.Enter())
            {
                Tensor t = Tensor.Ones([4]);
                result = inner.Keep(t * 2 + 1);
                inner.Count.ShouldBe(2);
            }
            result.ToArray<float>().ShouldBe([3f, 3f, 3f, 3f]);
            Tensor.LiveCount.ShouldBe(before + 1);
        }
        Tensor.LiveCount.ShouldBe(before);
    }

    [Fact]
    public void Scope_ReplaceInALoop_HoldsOneTensor()
    {
        using var scope = TensorScope.Enter();
        Tensor x = Tensor.Zeros([8]);
        long before = Tensor.LiveCount;
        for (int i = 0; i < 100; i++)
            TensorScope.Replace(ref x, x + 1);
        Tensor.LiveCount.ShouldBe(before);
        x.ToArray<float>().ShouldAllBe(v => v == 100f);
    }

    [Fact]
    public void FreedTensor_Used_NamesTheRemedy()
    {
        Tensor t;
        using (TensorScope.Enter())
            t = Tensor.Ones([1]);
        Should.Throw<ObjectDisposedException>(() => t.Shape).Message.ShouldContain("scope.Keep");
    }

    [Fact]
    public void WrongShapes_InMatmul_NameBothOperandsAndTheOperator()
    {
        using var scope = TensorScope.Enter();
        Tensor a = Tensor.Ones([16, 16]), b = Tensor.Ones([7, 3]);
        var e = Should.Throw<NativeException>(() => a.Matmul(b));
        e.Message.ShouldContain("aten::matmul");
        e.Message.ShouldContain("fp32[16, 16], fp32[7, 3]");
    }

    [Fact]
    public void AsSpan_OfAStridedView_IsRefused()
    {
        using var scope = TensorScope.Enter();
        Tensor t = Tensor.Ones([2, 3]).Transpose(0, 1);
        Should.Throw<DeviceException>(() => t.AsSpan<float>().Length);
    }

    [Fact]
    public void SixDimensions_ReshapeAndPermute_KeepOrder()
    {
        using var scope = TensorScope.Enter();
        Tensor t = Tensor.Arange(0, 64).Reshape(1, 2, 2, 2, 2, 4).Permute(0, 5, 1, 2, 3, 4);
        t.Shape.ShouldBe([1, 4, 2, 2, 2, 2]);
        t.ToArray<long>()[..3].ShouldBe([0, 4, 8]);
    }

    [Fact]
    public void ShapeOnlyParameters_OfALargeLayer_TakeNoMemory()
    {
        var layer = new Linear(ParameterPath.Root(new ShapeOnlyParameters())["big"], 100_000, 100_000);
        layer.ParameterCount.ShouldBe(10_000_100_000);
        layer.Parameters().Select(p => p.Name).ShouldBe(["big.weight", "big.bias"]);
        layer.Path.Store.Dispose();
    }

    [Fact]
    public void ParameterPath_SameNameTwice_IsRefused()
    {
        var path = ParameterPath.Root(new InitializedParameters(1));
        path["a"].Create("weight", [2], Init.Zeros);
        Should.Throw<InvalidOperationException>(() => path["a"].Create("weight", [2], Init.Zeros)).Message.ShouldContain("a.weight");
        path.Store.Dispose();
    }
}
