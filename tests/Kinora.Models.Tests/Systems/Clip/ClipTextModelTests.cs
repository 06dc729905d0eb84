using Kinora.Engine;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.Clip;

public sealed class ClipTextModelTests : NetworkContract<ClipTextModelWithProjection>
{
    private const int Tokens = 7, End = 5;

    private static readonly ClipTextConfig Tiny = new() { VocabSize = 6, HiddenSize = 24, IntermediateSize = 32, ProjectionDim = 12, NumHiddenLayers = 2, NumAttentionHeads = 3, MaxPositionEmbeddings = Tokens, EosTokenId = End };

    protected override string ApprovedFile => "clip-text.txt";

    protected override ClipTextModelWithProjection Build(ParameterPath path) => new(path, Tiny);

    // Texts end at the last position, so that every position and every id takes part.
    protected override Tensor[] Inputs(int batch) =>
        [Tensor.Stack([.. Enumerable.Range(0, batch).Select(i => Tensor.FromArray([.. Enumerable.Range(0, Tokens - 1).Select(k => (long)((k + i) % End)), End], Tokens))], 0)];

    protected override long[] ExpectedShape(int batch) => [batch, 12];

    protected override Tensor Forward(ClipTextModelWithProjection network, Tensor[] inputs) => network.Forward(inputs[0]).TextEmbeds!.To(DType.Float32);

    [Fact]
    public void Pooling_TakesTheFirstEndOfText()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var output = network.Forward(Tensor.FromArray([0L, 1, End, 2, End, End, End], 1, Tokens));
        output.Pooled.ToArray<float>().ShouldBe(output.LastHiddenState.Select(1, 2).ToArray<float>());
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Pooling_WithTheLegacyEnd_TakesTheLargestId()
    {
        using var scope = TensorScope.Enter();
        var network = new ClipTextModel(ParameterPath.Root(new InitializedParameters(3)), Tiny with { EosTokenId = ClipTextConfig.LegacyEosTokenId });
        var output = network.Forward(Tensor.FromArray([0L, 2, 1, End, 2, End, 0], 1, Tokens));
        output.Pooled.ToArray<float>().ShouldBe(output.LastHiddenState.Select(1, 3).ToArray<float>());
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_OfALongerPrompt_SaysHowLongItMayBe()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        Should.Throw<ShapeException>(() => network.Forward(Tensor.Zeros([1, Tokens + 1], DType.Int64))).Message.ShouldContain("K ≤ 7");
        network.Path.Store.Dispose();
    }

    [Fact]
    public void ClipConfig_WithLegacyRecords_TakesTheirKeys()
    {
        var config = ClipConfig.Read("""{"projection_dim": 8, "text_config": {"hidden_size": 32}, "text_config_dict": {"hidden_size": 16}, "vision_config_dict": {"patch_size": 14}}"""u8, "config.json");
        config.TextConfig.HiddenSize.ShouldBe(16);
        config.VisionConfig.PatchSize.ShouldBe(14);
        config.VisionConfig.ImageSize.ShouldBe(224);
    }
}
