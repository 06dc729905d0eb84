using Kinora.Engine;
using Kinora.Models.Generation;
using Kinora.Models.Tests.Systems.CogVideoX;

namespace Kinora.Models.Tests.Generation;

public sealed class StepCacheGenerationTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task GenerateAsync_WithStepCaching_SkipsTheMiddleAndNothingWithoutDrift(bool cogVideoX)
    {
        using TinyModel? world = cogVideoX ? null : new TinyModel();
        using TinyCogVideoX? cog = cogVideoX ? new TinyCogVideoX(change: c => c with { NumLayers = 2 }) : null;
        long live;
        using (var generator = new KinoraVideoGenerator(new KinoraOptions { Model = world?.Folder ?? cog!.Folder, Device = "cpu", DType = "fp32" }))
        {
            var options = new VideoGenerationOptions { Seed = 3, Steps = 4 };
            async Task<GenerationManifest> Make(double? cache) => (await generator.GenerateAsync(new VideoGenerationRequest("a red balloon"), options with { Cache = cache }))[0].Manifest;

            GenerationManifest plain = await Make(null);
            live = Tensor.LiveCount;
            GenerationManifest careful = await Make(1e-6), bold = await Make(10);

            plain.Cache.ShouldBeNull();
            careful.FramesSha256.ShouldBe(plain.FramesSha256);
            (careful.Cache!.Calls, careful.Cache.Skipped).ShouldBe((4, 0));
            (bold.Cache!.Calls, bold.Cache.Skipped, bold.Cache.Threshold).ShouldBe((4, 2, 10.0));
            bold.FramesSha256.ShouldNotBe(plain.FramesSha256);
            Tensor.LiveCount.ShouldBe(live);
        }
    }

    [Fact]
    public void Plan_OfAModelWithoutTransformer_RefusesStepCaching()
    {
        using TinyVideoFolder folder = TinyVideoFolder.AnimateDiff();
        var options = new VideoGenerationOptions { Width = 16, Height = 16, Cache = 0.1 };
        using var world = new TinyModel();
        Should.Throw<GenerationRequestException>(() => GenerationPlan.Create(ModelFolder.Open(world.Folder), new VideoGenerationRequest("a red balloon"), new VideoGenerationOptions { Steps = 2, Cache = 0.1 })).Message.ShouldContain("take 3 or more");
        Should.Throw<GenerationRequestException>(() => GenerationPlan.Create(ModelFolder.Open(folder.Path), new VideoGenerationRequest("a cat"), options)).Message.ShouldContain("takes no step caching");
    }
}
