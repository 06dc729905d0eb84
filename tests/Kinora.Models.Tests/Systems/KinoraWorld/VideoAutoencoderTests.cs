using Kinora.Engine;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.KinoraWorld;

/// <summary>Contract of the autoencoder as a whole (a sample goes in and its reconstruction from a noisy latent comes out), and what is particular to it.</summary>
public sealed class VideoAutoencoderTests : NetworkContract<VideoAutoencoder>
{
    protected override string ApprovedFile => "video-autoencoder.txt";

    protected override VideoAutoencoder Build(ParameterPath path) => new(path, TinyNetworks.Autoencoder);

    protected override Tensor[] Inputs(int batch) => [NoiseRows(batch, 1, 3, 9, 16, 16), NoiseRows(batch, 2, 8, 3, 2, 2)];

    protected override long[] ExpectedShape(int batch) => [batch, 3, 9, 16, 16];

    protected override Tensor Forward(VideoAutoencoder network, Tensor[] inputs) => network.Decode(network.Encode(inputs[0]).Sample(inputs[1]));

    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 2)]
    [InlineData(17, 5)]
    public void Encode_OfOnePlusFourKFrames_GivesOnePlusKLatentFrames(int frames, int latentFrames)
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var posterior = network.Encode(Noise([1, 3, frames, 24, 16], 3));
        posterior.Mean.Shape.ShouldBe([1, 8, latentFrames, 3, 2]);
        posterior.LogVariance.Shape.ShouldBe([1, 8, latentFrames, 3, 2]);
        network.Decode(posterior.Mean).Shape.ShouldBe([1, 3, frames, 24, 16]);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Encode_OfTheFirstFrameAlone_IsTheFirstLatentFrameOfTheClip()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var clip = Noise([1, 3, 9, 16, 16], 4);
        RelativeError(network.Encode(clip.Narrow(2, 0, 1)).Mean, network.Encode(clip).Mean.Narrow(2, 0, 1)).ShouldBeLessThan(1e-5);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Encode_WhenALaterFrameChanges_KeepsTheLatentsBefore()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var clip = Noise([1, 3, 9, 16, 16], 5);
        var changed = Tensor.Cat([clip.Narrow(2, 0, 5), Noise([1, 3, 4, 16, 16], 6)], 2);
        Tensor before = network.Encode(clip).Mean, after = network.Encode(changed).Mean;
        after.Narrow(2, 0, 2).ToArray<float>().ShouldBe(before.Narrow(2, 0, 2).ToArray<float>());
        RelativeError(after.Narrow(2, 2, 1), before.Narrow(2, 2, 1)).ShouldBeGreaterThan(0.01);
        network.Path.Store.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void DecodeInParts_OfAnyLength_GivesTheWholeClip(int latentFramesPerPart)
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        var network = Noisy();
        var z = Noise([2, 8, 5, 2, 2], 7);
        var parts = new List<Tensor>();
        network.DecodeInParts(z, latentFramesPerPart, part => parts.Add(part.Clone().Own()));
        RelativeError(Tensor.Cat(parts, 2), network.Decode(z)).ShouldBeLessThan(1e-5);
        parts.ForEach(p => p.Dispose());
        network.Path.Store.Dispose();
    }

    [Fact]
    public void DecodeInParts_LeaksNoTensor()
    {
        var network = Noisy();
        using (GradMode.NoGrad())
        {
            using var z = Noise([1, 8, 3, 2, 2], 8);
            var before = Tensor.LiveCount;
            network.DecodeInParts(z, 1, _ => { });
            Tensor.LiveCount.ShouldBe(before);
        }
        network.Path.Store.Dispose();
    }

    [Fact]
    public void ANewAutoencoder_ReconstructsFlatColorsExactly()
    {
        // The shortcut starts as a cosine transform whose first coefficient is the block's mean, and the other paths start at zero.
        using var scope = TensorScope.Enter();
        var network = new VideoAutoencoder(ParameterPath.Root(new InitializedParameters(1)), VideoAutoencoderConfig.Small);
        var clip = (Noise([2, 3, 1, 1, 1], 9) * 0.3).Expand(2, 3, 5, 16, 16).Contiguous();
        var latents = network.Encode(clip).Mean;
        latents.Narrow(1, 0, 3).ToArray<float>().ShouldBe(clip.Narrow(2, 0, 2).Narrow(3, 0, 2).Narrow(4, 0, 2).ToArray<float>(), 1e-5);
        (network.Decode(latents) - clip).Abs().Max().Item().ShouldBeLessThan(1e-5);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void NormalizeLatents_WithMeasuredStatistics_HasMeanZeroAndUnitVariance()
    {
        using var scope = TensorScope.Enter();
        var config = TinyNetworks.Autoencoder with { LatentsMean = [.. Enumerable.Range(0, 8).Select(i => i - 3.0)], LatentsStd = [.. Enumerable.Range(1, 8).Select(i => (double)i)] };
        var network = new VideoAutoencoder(ParameterPath.Root(new InitializedParameters(1)), config);
        var z = Noise([2, 8, 3, 2, 2], 10);
        var denormalized = network.DenormalizeLatents(z);
        denormalized.Select(1, 5).ToArray<float>().ShouldBe((z.Select(1, 5) * 6 + 2).ToArray<float>(), 1e-5);
        network.NormalizeLatents(denormalized).ToArray<float>().ShouldBe(z.ToArray<float>(), 1e-5);
        network.Path.Store.Dispose();
    }

    [Theory]
    [InlineData(4, 16, 16)]
    [InlineData(5, 12, 16)]
    [InlineData(5, 16, 20)]
    public void Encode_OfAnImpossibleSize_SaysWhichSizesAreLegal(int frames, int height, int width)
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var error = Should.Throw<ShapeException>(() => network.Encode(Noise([1, 3, frames, height, width], 11)));
        error.Message.ShouldContain("1 + 4k");
        error.Message.ShouldContain($"[1, 3, {frames}, {height}, {width}]");
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Small_For17Frames_StaysWithinItsBudget()
    {
        var config = VideoAutoencoderConfig.Small;
        var network = new VideoAutoencoder(ParameterPath.Root(new ShapeOnlyParameters()), config);
        network.ParameterCount.ShouldBeLessThan(2_500_000);
        var total = VideoAutoencoder.EncodeFlops(config, 17, 64, 64) + VideoAutoencoder.DecodeFlops(config, 17, 64, 64);
        total.ShouldBeInRange(4_000_000_000, 10_000_000_000);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Loss_OfAPerfectReconstruction_IsTheDivergenceAlone()
    {
        using var scope = TensorScope.Enter();
        var network = new VideoAutoencoder(ParameterPath.Root(new InitializedParameters(1)), VideoAutoencoderConfig.Small);
        var clip = Tensor.Full([1, 3, 5, 16, 16], 0.5);
        var loss = new VideoAutoencoderObjective { KlWeight = 0.25 }.Loss(network, clip, Tensor.Zeros([1, 16, 2, 2, 2]));
        loss.L1.Item().ShouldBe(0, 1e-5);
        loss.Gradient.Item().ShouldBe(0, 1e-5);
        // Three of sixteen means are 0.5, the others 0; every log variance is −8: ½ (3/16 · 0.25 + e⁻⁸ − 1 + 8).
        loss.Kl.Item().ShouldBe(0.5 * (3.0 / 16 * 0.25 + Math.Exp(-8) + 7), 1e-4);
        loss.Total.Item().ShouldBe(0.25 * loss.Kl.Item(), 1e-4);
        network.Path.Store.Dispose();
    }
}
