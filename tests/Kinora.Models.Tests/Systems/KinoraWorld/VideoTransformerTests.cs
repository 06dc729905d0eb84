using Kinora.Engine;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.KinoraWorld;

public sealed class VideoTransformerTests : NetworkContract<VideoTransformer>
{
    private const int TextTokens = 6;

    protected override string ApprovedFile => "video-transformer.txt";

    protected override VideoTransformer Build(ParameterPath path) => new(path, TinyNetworks.Transformer);

    protected override Tensor[] Inputs(int batch) =>
    [
        NoiseRows(batch, 1, 8, 3, 4, 6),
        Tensor.Stack([.. Enumerable.Range(0, batch).Select(i => Tensor.FromArray([0f, 0.2f + 0.1f * i, 0.9f], 3))], 0),
        NoiseRows(batch, 2, TextTokens, 24),
        Mask(batch),
    ];

    protected override long[] ExpectedShape(int batch) => [batch, 8, 3, 4, 6];

    protected override Tensor Forward(VideoTransformer network, Tensor[] inputs) => network.Forward(inputs[0], inputs[1], inputs[2], inputs[3]);

    [Fact]
    public void ANewTransformer_PredictsTheBestLinearEstimate()
    {
        using var scope = TensorScope.Enter();
        var network = Build(ParameterPath.Root(new InitializedParameters(1)));
        var inputs = Inputs(2);
        float[] x = inputs[0].ToArray<float>(), sigmas = inputs[1].ToArray<float>(), velocity = Forward(network, inputs).ToArray<float>();
        for (int i = 0; i < x.Length; i++)
        {
            // [B, C, f, h, w] with 8 channels, 3 frames, 4×6. The estimate of ε − x₀ from x = (1 − σ) x₀ + σ ε is Cov(ε − x₀, x) / Var(x) · x.
            double s = TinyNetworks.Transformer.LatentStd[i / 72 % 8], sigma = sigmas[i / 576 * 3 + i / 24 % 3];
            double covariance = sigma - (1 - sigma) * s * s, variance = (1 - sigma) * (1 - sigma) * s * s + sigma * sigma;
            velocity[i].ShouldBe((float)(covariance / variance * x[i]), 1e-5f * (1 + Math.Abs(x[i])), $"element {i}");
        }
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_WithOneSigmaForAll_IsThatOfEqualSigmasPerFrame()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var inputs = Inputs(2);
        var whole = network.Forward(inputs[0], Tensor.Full([2], 0.4), inputs[2], inputs[3]);
        var perFrame = network.Forward(inputs[0], Tensor.Full([2, 3], 0.4), inputs[2], inputs[3]);
        whole.ToArray<float>().ShouldBe(perFrame.ToArray<float>());
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_WhenOneFramesSigmaChanges_ChangesTheOutput()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var inputs = Inputs(1);
        var known = network.Forward(inputs[0], Tensor.FromArray([0f, 0.5f, 0.5f], 1, 3), inputs[2], inputs[3]);
        var unknown = network.Forward(inputs[0], Tensor.FromArray([0.5f, 0.5f, 0.5f], 1, 3), inputs[2], inputs[3]);
        for (var frame = 0; frame < 3; frame++)
            RelativeError(known.Select(2, frame), unknown.Select(2, frame)).ShouldBeGreaterThan(1e-3, $"frame {frame}");
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_WhenPaddingChanges_IsTheSame()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var inputs = Inputs(1);
        var real = inputs[2].Narrow(1, 0, 3);
        var mask = Tensor.FromArray([1f, 1f, 1f, 0f, 0f, 0f], 1, TextTokens).Gt(0.5);
        var padded = network.Forward(inputs[0], inputs[1], Tensor.Cat([real, Noise([1, 3, 24], 20)], 1), mask);
        var other = network.Forward(inputs[0], inputs[1], Tensor.Cat([real, Noise([1, 3, 24], 21)], 1), mask);
        var cut = network.Forward(inputs[0], inputs[1], real, Tensor.Ones([1, 3], DType.Bool));
        RelativeError(other, padded).ShouldBeLessThan(1e-6);
        RelativeError(cut, padded).ShouldBeLessThan(1e-5);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_OnAnotherLengthAndSize_Runs()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var y = network.Forward(Noise([1, 8, 7, 10, 2], 5), Tensor.Full([1], 0.7), Noise([1, 4, 24], 6), Tensor.Ones([1, 4], DType.Bool));
        y.Shape.ShouldBe([1, 8, 7, 10, 2]);
        y.ToArray<float>().ShouldAllBe(v => float.IsFinite(v));
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_WithAWrongSigma_NamesBothShapes()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var inputs = Inputs(2);
        var error = Should.Throw<ShapeException>(() => network.Forward(inputs[0], Tensor.Zeros([2, 5]), inputs[2], inputs[3]));
        error.Message.ShouldContain("[2] or [2, 3]");
        error.Message.ShouldContain("[2, 5]");
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Flops_OfTheTinyNetwork_AreThoseCountedByHand()
    {
        // 1 latent frame of 2×2 is one token; one text token; d = 64, e = 40, caption 24, patch 32, mlp 256, 2 layers.
        const long d = 64, e = 40, caption = 24, patch = 32, mlp = 256;
        long self = 2 * 4 * d * d + 2 * 2 * d, cross = 2 * 2 * d * d + 2 * 2 * e * d + 2 * 2 * d, feedForward = 2 * 2 * d * mlp;
        long condition = 2 * (32 * d + d * d + 6 * d * d) + 2 * caption * d + 2 * (caption * e + e * e);
        VideoTransformer.Flops(TinyNetworks.Transformer, 1, 2, 2, 1).ShouldBe(condition + 2 * (self + cross + feedForward) + 2 * 2 * d * patch);
    }

    [Fact]
    public void TheThreeShippingNetworks_FitInto32MegabytesOfBfloat16()
    {
        long Count(Func<ParameterPath, Module> build)
        {
            var network = build(ParameterPath.Root(new ShapeOnlyParameters()));
            var count = network.ParameterCount;
            network.Path.Store.Dispose();
            return count;
        }
        var total = Count(p => new VideoTransformer(p, VideoTransformerConfig.Small)) + Count(p => new VideoAutoencoder(p, VideoAutoencoderConfig.Small)) + Count(p => new TextEncoder(p, TextEncoderConfig.Small(1536)));
        (2 * total).ShouldBeInRange(25_000_000, 31_600_000);
    }

    private static Tensor Mask(int batch) =>
        Tensor.Stack([.. Enumerable.Range(0, batch).Select(i => Tensor.FromArray([.. Enumerable.Range(0, TextTokens).Select(k => k < TextTokens - i ? 1f : 0f)], TextTokens))], 0).Gt(0.5);
}
