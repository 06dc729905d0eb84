using Kinora.Engine;
using Kinora.Models.Systems.Wan;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.Wan;

/// <summary>Contract of the autoencoder as a whole, and what is particular to it.</summary>
public sealed class WanAutoencoderTests : NetworkContract<WanAutoencoder>
{
    // A dozen convolutions one after the other, on a residual stream of eight bits.
    protected override double Bfloat16Tolerance => 0.15;

    protected override string ApprovedFile => "wan-autoencoder.txt";

    protected override WanAutoencoder Build(ParameterPath path) => new(path, TinyWan.Autoencoder);

    protected override Tensor[] Inputs(int batch) => [NoiseRows(batch, 1, 3, 5, 8, 12)];

    protected override long[] ExpectedShape(int batch) => [batch, 3, 5, 8, 12];

    protected override Tensor Forward(WanAutoencoder network, Tensor[] inputs) => Reconstruct(network, inputs[0]);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void EncodeAndDecode_InParts_AreThoseOfTheWhole(int latentFrames)
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        var network = Noisy();
        InPartsIsTheWhole(network, Noise([1, 3, 9, 8, 12], 4), latentFrames);
        network.Path.Store.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void ResidualAutoencoder_InParts_IsThatOfTheWhole(int latentFrames)
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        var network = new WanAutoencoder(ParameterPath.Root(new InitializedParameters(1)), TinyWan.ResidualAutoencoder);
        InPartsIsTheWhole(network, Noise([1, 3, 13, 16, 16], 4), latentFrames);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Encode_OfTheFirstFrameAlone_IsTheFirstLatentFrameOfTheClip()
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        var network = Noisy();
        var clip = Noise([1, 3, 5, 8, 12], 4);
        RelativeError(network.EncodeMean(clip.Narrow(2, 0, 1)), network.EncodeMean(clip).Narrow(2, 0, 1)).ShouldBeLessThan(1e-5);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void DenormalizeLatents_OfNormalized_AreTheLatents()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var z = Noise([2, 4, 3, 2, 3], 5);
        RelativeError(network.DenormalizeLatents(network.NormalizeLatents(z)), z).ShouldBeLessThan(1e-6);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Encode_OfFramesThatDoNotFit_IsRefused()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        Should.Throw<ShapeException>(() => network.EncodeMean(Noise([1, 3, 4, 8, 12], 1))).Message.ShouldContain("1 + 2k");
        network.Path.Store.Dispose();
    }

    private static void InPartsIsTheWhole(WanAutoencoder network, Tensor clip, int latentFrames)
    {
        var z = network.EncodeMean(clip);
        RelativeError(network.EncodeMean(clip, latentFrames), z).ShouldBeLessThan(1e-5);
        var parts = new List<Tensor>();
        network.DecodeInParts(z, latentFrames, part => parts.Add(part.Clone().Own()));
        RelativeError(Tensor.Cat(parts, 2), network.Decode(z)).ShouldBeLessThan(1e-5);
        parts.ForEach(part => part.Dispose());
    }

    // The log variance takes part, so that a gradient reaches what makes it.
    private static Tensor Reconstruct(WanAutoencoder network, Tensor clip)
    {
        using var scope = TensorScope.Enter();
        var moments = network.EncodeMoments(clip);
        int z = network.Config.ZDim;
        return scope.Keep(network.Decode(moments.Narrow(1, 0, z) + moments.Narrow(1, z, z) * 0.1) * 0.5);
    }
}
