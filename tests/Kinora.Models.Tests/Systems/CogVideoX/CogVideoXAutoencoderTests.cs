using Kinora.Engine;
using Kinora.Models.Systems.CogVideoX;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.CogVideoX;

public sealed class CogVideoXAutoencoderTests : NetworkContract<CogVideoXAutoencoder>
{
    private static readonly CogVideoXAutoencoderConfig Tiny = CogVideoXAutoencoderConfig.TwoB with
    {
        BlockOutChannels = [8, 8, 16, 16], LayersPerBlock = 1, LatentChannels = 4, NormNumGroups = 2, SampleHeight = 96, SampleWidth = 160,
    };

    protected override string ApprovedFile => "cogvideox-autoencoder.txt";

    protected override CogVideoXAutoencoder Build(ParameterPath path) => new(path, Tiny);

    protected override Tensor[] Inputs(int batch) => [NoiseRows(batch, 1, 3, 9, 16, 24)];

    protected override long[] ExpectedShape(int batch) => [batch, 3, 9, 16, 24];

    // Mean and log variance both reach the clip, so that a gradient reaches every parameter.
    protected override Tensor Forward(CogVideoXAutoencoder network, Tensor[] inputs)
    {
        var (mean, logVariance) = network.EncodeMoments(inputs[0]).Chunk2(1);
        return network.Decode(mean + logVariance);
    }

    [Theory]
    [InlineData(1, 1), InlineData(5, 2), InlineData(9, 3), InlineData(25, 7)]
    public void Encode_OfAClip_KeepsTheFirstFrameApart(int frames, int latentFrames)
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        var network = Noisy();
        network.EncodeMoments(Noise([1, 3, frames, 8, 8], 1)).Shape.ShouldBe([1, 8, latentFrames, 1, 1]);
        network.Path.Store.Dispose();
    }
}
