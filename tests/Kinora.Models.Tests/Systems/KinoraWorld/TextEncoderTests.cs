using Kinora.Engine;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.KinoraWorld;

public sealed class TextEncoderTests : NetworkContract<TextEncoder>
{
    private const int Tokens = 16;

    protected override string ApprovedFile => "text-encoder.txt";

    protected override TextEncoder Build(ParameterPath path) => new(path, TinyNetworks.TextEncoder);

    protected override Tensor[] Inputs(int batch)
    {
        var ids = Enumerable.Range(0, batch * Tokens).Select(i => (long)(i * 7 % 50)).ToArray();
        return [Tensor.FromArray(ids, batch, Tokens), Tensor.Ones([batch, Tokens], DType.Bool)];
    }

    protected override long[] ExpectedShape(int batch) => [batch, Tokens, 64];

    protected override Tensor Forward(TextEncoder network, Tensor[] inputs) => network.Forward(inputs[0], inputs[1]);

    [Fact]
    public void Forward_OfRealTokens_DoesNotDependOnPadding()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var shorter = network.Forward(Tensor.FromArray([3L, 9L, 4L], 1, 3), Tensor.Ones([1, 3], DType.Bool));
        var padded = network.Forward(Tensor.FromArray([3L, 9L, 4L, 0L, 7L], 1, 5), Tensor.FromArray([1f, 1f, 1f, 0f, 0f], 1, 5).Gt(0.5));
        RelativeError(padded.Narrow(1, 0, 3), shorter).ShouldBeLessThan(1e-5);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_WhenWordsSwap_IsNotTheSwappedOutput()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var mask = Tensor.Ones([1, 2], DType.Bool);
        var ab = network.Forward(Tensor.FromArray([3L, 9L], 1, 2), mask);
        var ba = network.Forward(Tensor.FromArray([9L, 3L], 1, 2), mask).Flip([1]);
        RelativeError(ba, ab).ShouldBeGreaterThan(0.01, "positions must matter");
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_OfTooLongAPrompt_SaysTheLimit()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        Should.Throw<ShapeException>(() => network.Forward(Tensor.Zeros([1, 17], DType.Int64), Tensor.Ones([1, 17], DType.Bool))).Message.ShouldContain("K ≤ 16");
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Loss_WithAnUntoldAttribute_LeavesItOut()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var heads = new AttributeHeads(ParameterPath.Root(new InitializedParameters(2)), 64, [new AttributeSpec("noun", 5), new AttributeSpec("color", 3)]);
        var inputs = Inputs(2);
        var nouns = Tensor.FromArray([4L, 1L], 2);
        var told = new TextEncoderObjective().Loss(network, heads, inputs[0], inputs[1], [nouns, Tensor.FromArray([2L, 0L], 2)]);
        var untold = new TextEncoderObjective().Loss(network, heads, inputs[0], inputs[1], [nouns, Tensor.FromArray([TextEncoderObjective.Unknown, TextEncoderObjective.Unknown], 2)]);
        var nounLoss = F.CrossEntropy(heads.Forward(network.Forward(inputs[0], inputs[1]), inputs[1])[0], nouns).Item();
        untold.Total.Item().ShouldBe(nounLoss / 2, 1e-5);
        untold.Accuracies[1].ShouldBe(double.NaN);
        told.Total.Item().ShouldBeGreaterThan(untold.Total.Item());
        told.Accuracies[1].ShouldBeInRange(0, 1);
        network.Path.Store.Dispose();
        heads.Path.Store.Dispose();
    }
}
