using Kinora.Engine;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.Clip;

public sealed class ClipVisionModelTests : NetworkContract<ClipVisionModelWithProjection>
{
    private static readonly ClipVisionConfig Tiny = new() { HiddenSize = 24, IntermediateSize = 32, ProjectionDim = 12, NumHiddenLayers = 2, NumAttentionHeads = 3, ImageSize = 12, PatchSize = 4 };

    protected override string ApprovedFile => "clip-vision.txt";

    protected override ClipVisionModelWithProjection Build(ParameterPath path) => new(path, Tiny);

    protected override Tensor[] Inputs(int batch) => [NoiseRows(batch, 1, 3, 12, 12)];

    protected override long[] ExpectedShape(int batch) => [batch, 12];

    protected override Tensor Forward(ClipVisionModelWithProjection network, Tensor[] inputs) => network.Forward(inputs[0]).ImageEmbeds!.To(DType.Float32);
}
