using Kinora.Models.Generation;

namespace Kinora.Evaluation.Tests.Generation;

public sealed class StepCacheGenerationTests
{
    [Theory]
    [InlineData("wan_t2v_tiny", 32)]
    [InlineData("ltx_tiny", 16)]
    public async Task Generate_WithStepCaching_HasABranchForEachPromptAndSkipsTheMiddle(string fixture, int side)
    {
        using var model = new TinyVideoModel(fixture);
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = model.Folder, Device = "cpu", DType = "fp32" });
        var options = new VideoGenerationOptions { Seed = 5, Steps = 4, Width = side, Height = side, Frames = 9, Guidance = 3 };
        async Task<GenerationManifest> Make(double? cache) => (await generator.GenerateAsync(new VideoGenerationRequest("a fox"), options with { Cache = cache }))[0].Manifest;

        GenerationManifest plain = await Make(null), careful = await Make(1e-6), bold = await Make(10);

        careful.FramesSha256.ShouldBe(plain.FramesSha256);
        (careful.Cache!.Calls, careful.Cache.Skipped).ShouldBe((8, 0));
        (bold.Cache!.Calls, bold.Cache.Skipped).ShouldBe((8, 4));
        bold.FramesSha256.ShouldNotBe(plain.FramesSha256);
    }
}
