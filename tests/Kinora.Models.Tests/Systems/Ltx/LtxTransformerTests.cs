using Kinora.Engine;
using Kinora.Models.Systems.Ltx;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.Ltx;

public sealed class LtxTransformerTests : NetworkContract<LtxTransformer>
{
    private const int Frames = 2, Rows = 2, Columns = 3, Tokens = Frames * Rows * Columns;

    protected override string ApprovedFile => "ltx-transformer.txt";

    protected override LtxTransformer Build(ParameterPath path) => new(path, TinyLtx.Transformer);

    protected override Tensor[] Inputs(int batch) =>
    [
        NoiseRows(batch, 1, Tokens, 6),
        Tensor.FromArray([.. Enumerable.Range(0, batch).Select(i => 900f - 100 * i)], batch),
        NoiseRows(batch, 2, 4, 8),
        Tensor.FromArray([.. Enumerable.Range(0, batch).SelectMany(_ => new[] { 1f, 1, 1, 0 })], batch, 4),
    ];

    protected override long[] ExpectedShape(int batch) => [batch, Tokens, 6];

    protected override Tensor Forward(LtxTransformer network, Tensor[] inputs) =>
        network.Forward(inputs[0], inputs[1], inputs[2], inputs[3], LtxRope.Grid(Frames, Rows, Columns, 8.0 / 25, 32, 32));

    [Fact]
    public void Forward_WithEqualTimestepsForTokens_IsThatOfOneTimestep()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var inputs = Inputs(2);
        var one = Forward(network, inputs);
        inputs[1] = inputs[1].Unsqueeze(1).Expand(2, Tokens).Contiguous();
        RelativeError(Forward(network, inputs), one).ShouldBeLessThan(1e-5);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_WithOtherTextBehindTheMask_IsTheSame()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var inputs = Inputs(1);
        var before = Forward(network, inputs);
        inputs[2] = Tensor.Cat([inputs[2].Narrow(1, 0, 3), Noise([1, 1, 8], 9)], 1);
        RelativeError(Forward(network, inputs), before).ShouldBeLessThan(1e-6);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Angles_OfAWidthNotDivisibleBySix_LeaveTheFirstChannelsStill()
    {
        using var scope = TensorScope.Enter();
        var (cos, sin) = LtxRope.Angles(LtxRope.Grid(1, 1, 4, 1, 32, 32), 20);
        cos.Shape.ShouldBe([4, 10]);
        cos.Select(1, 0).ToArray<float>().ShouldAllBe(v => v == 1);
        sin.Select(1, 0).ToArray<float>().ShouldAllBe(v => v == 0);
    }
}
