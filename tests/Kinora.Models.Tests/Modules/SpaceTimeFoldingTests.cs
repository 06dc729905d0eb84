using Kinora.Engine;
using Kinora.Models.Modules;

namespace Kinora.Models.Tests.Modules;

public sealed class SpaceTimeFoldingTests
{
    [Fact]
    public void Fold_OrdersAChannelByFrameRowColumn()
    {
        using var scope = TensorScope.Enter();
        var x = Tensor.Arange(0, 2 * 2 * 4, dtype: DType.Float32).Reshape(1, 2, 2, 4, 1);
        // Element (frame, row, column) of x is frame · 8 + row · 4 + column; the left 2×2×2 block comes first.
        SpaceTimeFolding.Fold(x, 2, 2).ToArray<float>().ShouldBe([0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15]);
    }

    [Fact]
    public void Unfold_OfFold_IsTheInput()
    {
        using var scope = TensorScope.Enter();
        var x = Tensor.Arange(0, 2 * 4 * 6 * 4 * 3, dtype: DType.Float32).Reshape(2, 4, 6, 4, 3);
        SpaceTimeFolding.Unfold(SpaceTimeFolding.Fold(x, 2, 2), 2, 2).ToArray<float>().ShouldBe(x.ToArray<float>());
    }
}
