using Kinora.Engine;
using Kinora.Models.Systems.StableVideoDiffusion;

namespace Kinora.Models.Tests.Systems.StableVideoDiffusion;

public sealed class UNetSpatioTemporalTests
{
    private const int Frames = 3, Side = 8, ContextWidth = 16;

    private static readonly UNetSpatioTemporalConfig Tiny = new()
    {
        BlockOutChannels = [32, 64], NumAttentionHeads = [2, 4], LayersPerBlock = [1], CrossAttentionDim = [ContextWidth], AdditionTimeEmbedDim = 8, ProjectionClassEmbeddingsInputDim = 24,
        DownBlockTypes = ["CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"], UpBlockTypes = ["UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"], NumFrames = Frames,
    };

    [Fact]
    public void Forward_WithMixersThatTakeFramesAlone_IsThatOfEachFrame()
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        UNetSpatioTemporal unet = New();
        foreach (var (name, value) in unet.Parameters().Where(p => p.Name.EndsWith("mix_factor", StringComparison.Ordinal)))
        {
            value.FillInPlace(40);
        }
        var (x, t, context, numbers) = Inputs();
        Tensor together = unet.Forward(x, t, context, numbers);
        for (int i = 0; i < Frames; i++)
        {
            Error(together.Narrow(1, i, 1), unet.Forward(x.Narrow(1, i, 1), t, context, numbers)).ShouldBeLessThan(1e-5, $"frame {i}");
        }
        unet.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_OfAClip_LetsFramesSeeEachOther()
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        UNetSpatioTemporal unet = New();
        var (x, t, context, numbers) = Inputs();
        Tensor together = unet.Forward(x, t, context, numbers);
        Error(together.Narrow(1, 0, 1), unet.Forward(x.Narrow(1, 0, 1), t, context, numbers)).ShouldBeGreaterThan(1e-3);
        unet.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_OfOneContextToken_IsThatOfTheTokenTwice()
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        UNetSpatioTemporal unet = New();
        var (x, t, context, numbers) = Inputs();
        Error(unet.Forward(x, t, context, numbers), unet.Forward(x, t, Tensor.Cat([context, context], 1), numbers)).ShouldBeLessThan(1e-5);
        unet.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_OfABatch_IsThatOfEachClip()
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        UNetSpatioTemporal unet = New();
        var (x, t, context, numbers) = Inputs();
        Tensor other = x.Flip(1), otherContext = context * 2;
        Tensor both = unet.Forward(Tensor.Cat([x, other], 0), t, Tensor.Cat([context, otherContext], 0), Tensor.Cat([numbers, numbers], 0));
        Error(both.Narrow(0, 0, 1), unet.Forward(x, t, context, numbers)).ShouldBeLessThan(1e-5);
        Error(both.Narrow(0, 1, 1), unet.Forward(other, t, otherContext, numbers)).ShouldBeLessThan(1e-5);
        unet.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_InBfloat16_IsCloseToFloat32()
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        UNetSpatioTemporal full = New(), half = new(ParameterPath.Root(new InitializedParameters(3), DType.BFloat16), Tiny);
        var (x, t, context, numbers) = Inputs();
        Tensor expected = full.Forward(x, t, context, numbers), mixed = half.Forward(x, t, context, numbers);
        mixed.DType.ShouldBe(DType.Float32);
        Error(mixed, expected).ShouldBeInRange(1e-6, 0.06);
        full.Path.Store.Dispose();
        half.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_LeaksNoTensor()
    {
        UNetSpatioTemporal unet = New();
        long before = Tensor.LiveCount;
        using (TensorScope.Enter())
        {
            var (x, t, context, numbers) = Inputs();
            unet.Forward(x, t, context, numbers).Square().Mean().Backward();
            foreach (var (_, value) in unet.Parameters())
            {
                value.Grad = null;
            }
        }
        Tensor.LiveCount.ShouldBe(before);
        unet.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_OfLatentsWithoutThePicture_IsRefusedWithBothShapes()
    {
        using var scope = TensorScope.Enter();
        UNetSpatioTemporal unet = New();
        var (x, t, context, numbers) = Inputs();
        Should.Throw<ShapeException>(() => unet.Forward(x.Narrow(2, 0, 4), t, context, numbers)).Message.ShouldContain("[B, F, 8, h, w], got [1, 3, 4, 8, 8]");
        unet.Path.Store.Dispose();
    }

    private static UNetSpatioTemporal New() => new(ParameterPath.Root(new InitializedParameters(3)), Tiny);

    private static (Tensor X, Tensor Timestep, Tensor Context, Tensor Numbers) Inputs()
    {
        var generator = new Engine.Random.Generator(7);
        return (generator.Normal(1, Frames, 8, Side, Side), Tensor.FromArray<float>([0.7f], 1), generator.Normal(1, 1, ContextWidth), Tensor.FromArray<float>([6, 127, 0.02f], 1, 3));
    }

    private static double Error(Tensor a, Tensor b) => (a - b).Abs().Max().Item() / b.Abs().Max().Item();
}
