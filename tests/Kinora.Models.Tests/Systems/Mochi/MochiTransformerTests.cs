using Kinora.Engine;
using Kinora.Models.Systems.Mochi;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.Mochi;

// Not a NetworkContract: queries of the last block's text feed nothing, so no gradient reaches them.
public sealed class MochiTransformerTests
{
    private const int TextTokens = 5;

    private static readonly MochiTransformerConfig Tiny = MochiTransformerConfig.Published with
    {
        NumAttentionHeads = 2, AttentionHeadDim = 16, NumLayers = 2, PooledProjectionDim = 24, InChannels = 3, TextEmbedDim = 16, TimeEmbedDim = 32,
    };

    [Fact]
    public void Forward_OfASampleInABatch_IsThatOfTheSampleAlone()
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        var network = Build();
        Tensor[] inputs = Inputs();
        Tensor together = network.Forward(inputs[0], inputs[1], inputs[2], inputs[3]);
        together.Shape.ShouldBe([2, 3, 2, 4, 6]);
        together.ToArray<float>().ShouldAllBe(v => float.IsFinite(v));
        for (var i = 0; i < 2; i++)
        {
            Tensor[] one = [.. inputs.Select(t => t.Narrow(0, i, 1))];
            Difference(network.Forward(one[0], one[1], one[2], one[3]), together.Narrow(0, i, 1)).ShouldBeLessThan(1e-5);
        }
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_WhenPaddingChanges_IsTheSame_AndWhenTextChanges_IsNot()
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        var network = Build();
        Tensor[] inputs = Inputs();
        var mask = Tensor.FromArray([1f, 1f, 0f, 0f, 0f, 1f, 1f, 0f, 0f, 0f], 2, TextTokens).Gt(0.5);
        Tensor With(Tensor text) => network.Forward(inputs[0], inputs[1], text, mask);
        Tensor padded = Tensor.Cat([inputs[2].Narrow(1, 0, 2), Noise([2, 3, 16], 8)], 1), said = Tensor.Cat([Noise([2, 2, 16], 9), inputs[2].Narrow(1, 2, 3)], 1);
        Difference(With(padded), With(inputs[2])).ShouldBeLessThan(1e-6);
        Difference(With(said), With(inputs[2])).ShouldBeGreaterThan(1e-3);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Transformer_HasThePublishedParameters()
    {
        CheckpointKeys.ShouldBeThoseOf("mochi.transformer", path => new MochiTransformer(path, MochiTransformerConfig.Published));
        CheckpointKeys.Count("mochi.transformer").ShouldBe(10_027_677_744);
    }

    private static MochiTransformer Build() => new(ParameterPath.Root(new InitializedParameters(4)), Tiny);

    private static Tensor[] Inputs() =>
    [
        Noise([2, 3, 2, 4, 6], 1), Tensor.FromArray([800f, 300f], 2), Noise([2, TextTokens, 16], 2), Tensor.Ones([2, TextTokens], DType.Bool),
    ];

    private static Tensor Noise(ReadOnlySpan<long> shape, ulong stream) => new Engine.Random.Generator(5, stream).Normal(shape);

    private static double Difference(Tensor a, Tensor b) => (a - b).Abs().Max().Item() / b.Abs().Max().Item();
}
