using Kinora.Engine;
using Kinora.Models.Systems.AnimateDiff;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Models.Tests.Systems.AnimateDiff;

public sealed class UNetMotionTests
{
    private const int Frames = 5, MaxFrames = 8, Side = 8, TextWidth = 16;

    private static readonly UNet2DConditionConfig Picture = new()
    {
        BlockOutChannels = [8, 16], LayersPerBlock = [1], NormNumGroups = 4, AttentionHeadDim = [2], CrossAttentionDim = [TextWidth],
        DownBlockTypes = ["CrossAttnDownBlock2D", "DownBlock2D"], UpBlockTypes = ["UpBlock2D", "CrossAttnUpBlock2D"],
    };

    private static readonly MotionAdapterConfig Motion = new()
    {
        BlockOutChannels = [8, 16], MotionLayersPerBlock = [1], MotionNormNumGroups = 4, MotionNumAttentionHeads = [2], MotionMaxSeqLength = MaxFrames,
    };

    [Fact]
    public void Forward_WithAFreshAdapter_IsThatOfThePictureModelFrameByFrame()
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        var picture = new UNet2DCondition(ParameterPath.Root(new InitializedParameters(1)), Picture);
        var adapter = new MotionAdapter(ParameterPath.Root(new InitializedParameters(2)), Motion);
        var (x, t, text) = Inputs();
        Tensor clip = new UNetMotion(picture, adapter).Forward(x, t, text);
        Tensor pictures = picture.Forward(x.Select(0, 0).Transpose(0, 1), t, text.RepeatInterleave(Frames, 0));
        (clip.Select(0, 0).Transpose(0, 1) - pictures).Abs().Max().Item().ShouldBeLessThan(1e-5);
        picture.Path.Store.Dispose();
        adapter.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_OfTooManyFrames_IsRefusedWithTheMost()
    {
        using var scope = TensorScope.Enter();
        var path = ParameterPath.Root(new InitializedParameters(1));
        var unet = new UNetMotion(new UNet2DCondition(path["unet"], Picture), new MotionAdapter(path["motion"], Motion));
        var (_, t, text) = Inputs();
        Should.Throw<ShapeException>(() => unet.Forward(Tensor.Zeros([1, 4, MaxFrames + 1, Side, Side]), t, text)).Message.ShouldContain("at most 8 frames");
        path.Store.Dispose();
    }

    [Fact]
    public void Constructor_OfAnAdapterOfAnotherFamily_SaysWhatDiffers()
    {
        var path = ParameterPath.Root(new ShapeOnlyParameters());
        var picture = new UNet2DCondition(path["unet"], Picture);
        var adapter = new MotionAdapter(path["motion"], Motion with { BlockOutChannels = [16, 32] });
        Should.Throw<ConfigException>(() => new UNetMotion(picture, adapter)).Message.ShouldContain("made for widths 16, 32, the U-Net has 8, 16");
        path.Store.Dispose();
    }

    [Fact]
    public void Create_FromOneConfiguration_HasBothPartsBelowOneRoot()
    {
        var path = ParameterPath.Root(new ShapeOnlyParameters());
        UNetMotion.Create(path, new UNetMotionConfig
        {
            BlockOutChannels = [8, 16], LayersPerBlock = [1], NormNumGroups = 4, NumAttentionHeads = [2], MotionNumAttentionHeads = [2], CrossAttentionDim = [TextWidth], MotionMaxSeqLength = MaxFrames,
            DownBlockTypes = ["CrossAttnDownBlockMotion", "DownBlockMotion"], UpBlockTypes = ["UpBlockMotion", "CrossAttnUpBlockMotion"],
        }).MaxFrames.ShouldBe(MaxFrames);
        path.Store.TryGet("mid_block.motion_modules.0.proj_in.weight", out _).ShouldBeTrue();
        path.Store.TryGet("mid_block.resnets.0.conv1.weight", out _).ShouldBeTrue();
        path.Store.Dispose();
    }

    private static (Tensor X, Tensor Timestep, Tensor Text) Inputs()
    {
        var generator = new Engine.Random.Generator(7);
        return (generator.Normal(1, 4, Frames, Side, Side), Tensor.FromArray<long>([500], 1), generator.Normal(1, 6, TextWidth));
    }
}
