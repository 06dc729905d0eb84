using Kinora.Engine;
using Kinora.Models.Systems.Wan;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.Wan;

public sealed class WanTransformerTests : NetworkContract<WanTransformer>
{
    protected override string ApprovedFile => "wan-transformer.txt";

    protected override WanTransformer Build(ParameterPath path) => new(path, TinyWan.Transformer);

    protected override Tensor[] Inputs(int batch) =>
    [
        NoiseRows(batch, 1, 9, 3, 4, 6),
        Tensor.FromArray([.. Enumerable.Range(0, batch).Select(i => 900f - 100 * i)], batch),
        NoiseRows(batch, 2, 5, 10),
        NoiseRows(batch, 3, 2, 2, 6),
    ];

    protected override long[] ExpectedShape(int batch) => [batch, 4, 3, 4, 6];

    protected override Tensor Forward(WanTransformer network, Tensor[] inputs) => network.Forward(inputs[0], inputs[1], inputs[2], inputs[3].Flatten(0, 1));

    [Theory]
    [InlineData(3)]
    [InlineData(18)]
    public void Forward_WithEqualTimestepsForFramesOrTokens_IsThatOfOneTimestep(int count)
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var inputs = Inputs(2);
        var one = Forward(network, inputs);
        inputs[1] = inputs[1].Unsqueeze(1).Expand(2, count).Contiguous();
        RelativeError(Forward(network, inputs), one).ShouldBeLessThan(1e-5);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_WithTimestepsOfFrames_IsThatOfTheSameTimestepsOfTheirTokens()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var inputs = Inputs(1);
        inputs[1] = Tensor.FromArray([0f, 500, 900], 1, 3);
        var frames = Forward(network, inputs);
        inputs[1] = inputs[1].RepeatInterleave(6, 1);
        RelativeError(Forward(network, inputs), frames).ShouldBeLessThan(1e-5);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_WithoutTheImageThatTheModelNeeds_IsRefused()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var inputs = Inputs(1);
        Should.Throw<ShapeException>(() => network.Forward(inputs[0], inputs[1], inputs[2])).Message.ShouldContain("image encoder");
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Config_WithoutItsOptionalKeys_HasThePublishersDefaults()
    {
        var config = ModelConfigJson.Read("""
            {"_class_name": "WanTransformer3DModel", "num_attention_heads": 12, "attention_head_dim": 128, "ffn_dim": 8960, "num_layers": 30}
            """u8, WanJson.Default.WanTransformerConfig, "config.json", WanTransformerConfig.Defaults);
        config.CrossAttnNorm.ShouldBeTrue();
        config.PatchSize.ShouldBe([1, 2, 2]);
        config.ImageDim.ShouldBeNull();
        config.Validate();
    }

    [Fact]
    public void Config_WithAnUnknownKey_IsRefusedByName() =>
        Should.Throw<ConfigException>(() => ModelConfigJson.Read("""
            {"_class_name": "WanTransformer3DModel", "num_attention_heads": 12, "attention_head_dim": 128, "ffn_dim": 8960, "num_layers": 30, "vace_layers": [0]}
            """u8, WanJson.Default.WanTransformerConfig, "config.json", WanTransformerConfig.Defaults)).Message.ShouldContain("vace_layers");
}
