using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Models.Systems.Ltx;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.Ltx;

/// <summary>Contract of the autoencoder as a whole, and what is particular to it.</summary>
public sealed class LtxAutoencoderTests : NetworkContract<LtxAutoencoder>
{
    // A dozen convolutions one after the other, on a residual stream of eight bits.
    protected override double Bfloat16Tolerance => 0.15;

    protected override string ApprovedFile => "ltx-autoencoder.txt";

    protected override LtxAutoencoder Build(ParameterPath path) => new(path, TinyLtx.Autoencoder);

    protected override Tensor[] Inputs(int batch) => [NoiseRows(batch, 1, 3, 5, 16, 8), Tensor.FromArray([.. Enumerable.Range(0, batch).Select(i => 0.05f + 0.01f * i)], batch)];

    protected override long[] ExpectedShape(int batch) => [batch, 3, 5, 16, 8];

    // Noise of the same seed whatever the batch: all clips of one call share it.
    protected override Tensor Forward(LtxAutoencoder network, Tensor[] inputs)
    {
        using var scope = TensorScope.Enter();
        var moments = network.EncodeMoments(inputs[0]);
        int z = network.Config.LatentChannels;
        var latents = network.NormalizeLatents(moments.Narrow(1, 0, z) + moments.Narrow(1, z, z) * 0.1) * 0.5;
        return scope.Keep(network.Decode(network.DenormalizeLatents(latents), inputs[1], new Generator(3)));
    }

    [Fact]
    public void Encode_OfTheFirstFrameAlone_IsTheFirstLatentFrameOfTheClip()
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        var network = Noisy();
        var clip = Noise([1, 3, 5, 16, 8], 4);
        RelativeError(network.EncodeMean(clip.Narrow(2, 0, 1)), network.EncodeMean(clip).Narrow(2, 0, 1)).ShouldBeLessThan(1e-5);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Decode_WithoutTheNoiseLevelThatTheDecoderTakes_IsRefused()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        Should.Throw<ShapeException>(() => network.Decode(Noise([1, 4, 2, 2, 2], 1))).Message.ShouldContain("noise level");
        network.Path.Store.Dispose();
    }
}
