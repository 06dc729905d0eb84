using Kinora.Engine;
using Kinora.Models.Systems.HunyuanVideo;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.HunyuanVideo;

public sealed class HunyuanVideoAutoencoderTests : NetworkContract<HunyuanVideoAutoencoder>
{
    private static readonly HunyuanVideoAutoencoderConfig Tiny = HunyuanVideoAutoencoderConfig.Published with { BlockOutChannels = [8, 8, 16, 16], LayersPerBlock = 1, LatentChannels = 4, NormNumGroups = 2 };

    protected override string ApprovedFile => "hunyuanvideo-autoencoder.txt";

    protected override HunyuanVideoAutoencoder Build(ParameterPath path) => new(path, Tiny);

    protected override Tensor[] Inputs(int batch) => [NoiseRows(batch, 1, 3, 5, 16, 16)];

    protected override long[] ExpectedShape(int batch) => [batch, 3, 5, 16, 16];

    protected override Tensor Forward(HunyuanVideoAutoencoder network, Tensor[] inputs)
    {
        var (mean, logVariance) = network.EncodeMoments(inputs[0]).Chunk2(1);
        return network.Decode(mean + logVariance);
    }

    [Fact]
    public void Decode_OfLatents_KeepsTheFirstFrameApart()
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        var network = Noisy();
        network.Decode(Noise([1, 4, 3, 2, 2], 1)).Shape.ShouldBe([1, 3, 9, 16, 16]);
        network.Decode(Noise([1, 4, 1, 2, 2], 1)).Shape.ShouldBe([1, 3, 1, 16, 16]);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Autoencoder_HasThePublishedParameters()
    {
        CheckpointKeys.ShouldBeThoseOf("hunyuanvideo.vae", path => new HunyuanVideoAutoencoder(path, HunyuanVideoAutoencoderConfig.Published));
        CheckpointKeys.Count("hunyuanvideo.vae").ShouldBe(246_478_803);
    }
}
