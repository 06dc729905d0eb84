using Kinora.Engine;
using Kinora.Models.Systems.Siglip;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.Siglip;

public sealed class SiglipVisionModelTests : NetworkContract<SiglipVisionModel>
{
    private static readonly SiglipVisionConfig Tiny = new() { HiddenSize = 24, IntermediateSize = 32, NumHiddenLayers = 2, NumAttentionHeads = 3, ImageSize = 12, PatchSize = 4 };

    protected override string ApprovedFile => "siglip-vision.txt";

    protected override SiglipVisionModel Build(ParameterPath path) => new(path, Tiny);

    protected override Tensor[] Inputs(int batch) => [NoiseRows(batch, 1, 3, 12, 12)];

    protected override long[] ExpectedShape(int batch) => [batch, 24];

    protected override Tensor Forward(SiglipVisionModel network, Tensor[] inputs) => network.Forward(inputs[0]).Pooled!.To(DType.Float32);

    [Fact]
    public void Forward_OnAnotherSize_NeedsInterpolatedPositions()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var wide = Noise([1, 3, 8, 20], 4);
        Should.Throw<ShapeException>(() => network.Forward(wide)).Message.ShouldContain("interpolated positions");
        network.Forward(wide, interpolatePositions: true).LastHiddenState.Shape.ShouldBe([1, 10, 24]);
        network.Path.Store.Dispose();
    }
}
