using Kinora.Engine;
using Kinora.Models.Systems.Mochi;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.Mochi;

public sealed class MochiAutoencoderTests : NetworkContract<MochiAutoencoder>
{
    private static readonly MochiAutoencoderConfig Tiny = MochiAutoencoderConfig.Published with
    {
        EncoderBlockOutChannels = [32, 32, 32, 32], DecoderBlockOutChannels = [32, 32, 32, 32], LayersPerBlock = [1, 1, 1, 1, 1], LatentChannels = 4, LatentsMean = [0, 0, 0, 0], LatentsStd = [1, 1, 1, 1],
    };

    // Each of the 32 groups is one channel here, a dozen values at the coarsest stage: their norms sharpen what was rounded.
    protected override double Bfloat16Tolerance => 0.15;

    protected override string ApprovedFile => "mochi-autoencoder.txt";

    protected override MochiAutoencoder Build(ParameterPath path) => new(path, Tiny);

    protected override Tensor[] Inputs(int batch) => [NoiseRows(batch, 1, 3, 7, 24, 32)];

    protected override long[] ExpectedShape(int batch) => [batch, 3, 7, 24, 32];

    protected override Tensor Forward(MochiAutoencoder network, Tensor[] inputs)
    {
        var (mean, logVariance) = network.EncodeMoments(inputs[0]).Chunk2(1);
        return network.Decode(mean + logVariance);
    }

    [Fact]
    public void Encode_OfAPicture_IsOneLatentFrame()
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        var network = Noisy();
        network.EncodeMoments(Noise([1, 3, 1, 8, 8], 1)).Shape.ShouldBe([1, 8, 1, 1, 1]);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Autoencoder_HasThePublishedParameters()
    {
        CheckpointKeys.ShouldBeThoseOf("mochi.vae", path => new MochiAutoencoder(path, MochiAutoencoderConfig.Published));
        CheckpointKeys.Count("mochi.vae").ShouldBe(459_748_611);
    }
}
