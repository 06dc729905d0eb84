using Kinora.Engine;
using Kinora.Models.Systems.HunyuanVideo;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.HunyuanVideo;

public sealed class HunyuanVideoTransformerTests : NetworkContract<HunyuanVideoTransformer>
{
    private const int TextTokens = 5;

    private static readonly HunyuanVideoTransformerConfig Tiny = HunyuanVideoTransformerConfig.Published with
    {
        InChannels = 3, OutChannels = 3, NumAttentionHeads = 2, AttentionHeadDim = 16, NumLayers = 1, NumSingleLayers = 1, NumRefinerLayers = 1, MlpRatio = 2,
        TextEmbedDim = 12, PooledProjectionDim = 10, RopeAxesDim = [4, 6, 6],
    };

    protected override string ApprovedFile => "hunyuanvideo-transformer.txt";

    protected override HunyuanVideoTransformer Build(ParameterPath path) => new(path, Tiny);

    protected override Tensor[] Inputs(int batch) =>
    [
        NoiseRows(batch, 1, 3, 2, 4, 6),
        Tensor.FromArray([.. Enumerable.Range(0, batch).Select(i => 900f - 300 * i)], batch),
        NoiseRows(batch, 2, TextTokens, 12),
        Tensor.Stack([.. Enumerable.Range(0, batch).Select(i => Tensor.FromArray([.. Enumerable.Range(0, TextTokens).Select(k => k < TextTokens - i ? 1f : 0f)], TextTokens))], 0).Gt(0.5),
        NoiseRows(batch, 3, 10),
        Tensor.Full([batch], 6000),
    ];

    protected override long[] ExpectedShape(int batch) => [batch, 3, 2, 4, 6];

    protected override Tensor Forward(HunyuanVideoTransformer network, Tensor[] inputs) => network.Forward(inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], inputs[5]);

    [Fact]
    public void Forward_WhenPaddingChanges_IsTheSame()
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        var network = Noisy();
        var inputs = Inputs(1);
        var mask = Tensor.FromArray([1f, 1f, 1f, 0f, 0f], 1, TextTokens).Gt(0.5);
        Tensor With(ulong stream) => network.Forward(inputs[0], inputs[1], Tensor.Cat([inputs[2].Narrow(1, 0, 3), Noise([1, 2, 12], stream)], 1), mask, inputs[4], inputs[5]);
        RelativeError(With(20), With(21)).ShouldBeLessThan(1e-6);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Transformer_HasThePublishedParameters()
    {
        CheckpointKeys.ShouldBeThoseOf("hunyuanvideo.transformer", path => new HunyuanVideoTransformer(path, HunyuanVideoTransformerConfig.Published));
        CheckpointKeys.Count("hunyuanvideo.transformer").ShouldBe(12_821_012_544);
    }
}
