using Kinora.Engine;
using Kinora.Models.Systems.T5;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.T5;

public sealed class T5EncoderModelTests : NetworkContract<T5EncoderModel>
{
    private const int Tokens = 9;

    private static readonly T5Config Tiny = new() { VocabSize = 7, DModel = 24, DKv = 10, DFf = 32, NumLayers = 2, NumHeads = 3, RelativeAttentionNumBuckets = 8, RelativeAttentionMaxDistance = 12, FeedForwardProj = "gated-gelu" };

    protected override string ApprovedFile => "t5-encoder.txt";

    protected override T5EncoderModel Build(ParameterPath path) => new(path, Tiny);

    protected override Tensor[] Inputs(int batch) =>
    [
        Tensor.Stack([.. Enumerable.Range(0, batch).Select(i => Tensor.FromArray([.. Enumerable.Range(0, Tokens).Select(k => (long)((3 * k + i) % 7))], Tokens))], 0),
        Tensor.Stack([.. Enumerable.Range(0, batch).Select(i => Tensor.FromArray([.. Enumerable.Range(0, Tokens).Select(k => k < Tokens - i ? 1f : 0f)], Tokens))], 0).Gt(0.5),
    ];

    protected override long[] ExpectedShape(int batch) => [batch, Tokens, 24];

    protected override Tensor Forward(T5EncoderModel network, Tensor[] inputs) => network.Forward(inputs[0], inputs[1]);

    [Fact]
    public void Config_OfT5Xxl_HasTheParametersOfThePublishedEncoder()
    {
        var network = new T5EncoderModel(ParameterPath.Root(new ShapeOnlyParameters()), T5Config.Xxl);
        network.ParameterCount.ShouldBe(4_762_310_656);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Config_WithAnUnknownKey_NamesIt()
    {
        var error = Should.Throw<ConfigException>(() => ModelConfigJson.Read("""{"d_modell": 3}"""u8, T5Json.Default.T5Config, "config.json"));
        error.Message.ShouldContain("`d_modell`");
        error.Message.ShouldContain("`d_model`");
    }

    [Fact]
    public void Config_OfTheFirstT5_HasAPlainFeedForward()
    {
        var names = new T5EncoderModel(ParameterPath.Root(new ShapeOnlyParameters()), Tiny with { FeedForwardProj = "relu" }).Parameters().Select(p => p.Name).ToArray();
        names.ShouldContain("encoder.block.0.layer.1.DenseReluDense.wi.weight");
        names.ShouldNotContain("encoder.block.0.layer.1.DenseReluDense.wi_1.weight");
        names.ShouldNotContain("encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight");
    }
}
