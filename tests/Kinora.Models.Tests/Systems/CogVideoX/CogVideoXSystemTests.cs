using Kinora.Engine;
using Kinora.Media;
using Kinora.Models.Generation;

namespace Kinora.Models.Tests.Systems.CogVideoX;

public sealed class CogVideoXSystemTests
{
    private const string Prompt = "a red balloon rises over a night city";

    private static readonly VideoGenerationOptions Short = new() { Seed = 3, Steps = 2 };

    [Theory]
    [InlineData("ddim"), InlineData("dpm")]
    public async Task Generate_FromAPrompt_MakesTheClipOfTheSeed(string sampler)
    {
        using var model = new TinyCogVideoX();
        using var generator = Generator(model);
        var options = Short with { Sampler = sampler, PreviewEverySteps = 1 };
        var first = (await generator.GenerateAsync(new VideoGenerationRequest(Prompt), options))[0];
        first.Clip.Frames.Count.ShouldBe(9);
        (first.Clip.Frames[0].Width, first.Clip.Frames[0].Height).ShouldBe((48, 32));
        first.Manifest.FrameRate.ShouldBe(8);
        var again = (await generator.GenerateAsync(new VideoGenerationRequest(Prompt), options))[0];
        again.Manifest.FramesSha256.ShouldBe(first.Manifest.FramesSha256);
        var other = (await generator.GenerateAsync(new VideoGenerationRequest(Prompt), options with { Seed = 4 }))[0];
        other.Manifest.FramesSha256.ShouldNotBe(first.Manifest.FramesSha256);
        var said = (await generator.GenerateAsync(new VideoGenerationRequest("a blue balloon"), options))[0];
        said.Manifest.FramesSha256.ShouldNotBe(first.Manifest.FramesSha256);
    }

    [Fact]
    public async Task Generate_FromAnImage_DependsOnTheImage()
    {
        using var model = new TinyCogVideoX("CogVideoXImageToVideoPipeline", c => c with { InChannels = 8, UseRotaryPositionalEmbeddings = true, UseLearnedPositionalEmbeddings = true });
        using var generator = Generator(model);
        var dark = new VideoGenerationRequest(Prompt) { FirstFrame = Flat(20) };
        var first = (await generator.GenerateAsync(dark, Short))[0];
        first.Clip.Frames.Count.ShouldBe(9);
        var second = (await generator.GenerateAsync(dark with { FirstFrame = Flat(230) }, Short))[0];
        second.Manifest.FramesSha256.ShouldNotBe(first.Manifest.FramesSha256);
    }

    [Fact]
    public async Task Generate_WithTokensOfTwoFrames_MakesEveryFrame()
    {
        using var model = new TinyCogVideoX(change: c => c with { PatchSizeT = 2, UseRotaryPositionalEmbeddings = true });
        using var generator = Generator(model);
        (await generator.GenerateAsync(new VideoGenerationRequest(Prompt), Short with { Frames = 17 }))[0].Clip.Frames.Count.ShouldBe(17);
    }

    [Fact]
    public async Task Generate_InBfloat16_IsCloseToFloat32()
    {
        using var model = new TinyCogVideoX();
        using KinoraVideoGenerator full = Generator(model), half = Generator(model, "bf16");
        VideoFrame[] exact = [.. (await full.GenerateAsync(new VideoGenerationRequest(Prompt), Short))[0].Clip.Frames];
        VideoFrame[] rounded = [.. (await half.GenerateAsync(new VideoGenerationRequest(Prompt), Short))[0].Clip.Frames];
        double difference = exact.Zip(rounded, (a, b) => a.Rgb.Zip(b.Rgb, (x, y) => Math.Abs(x - y)).Average()).Average();
        difference.ShouldBeInRange(double.Epsilon, 3);
    }

    [Fact]
    public void Plan_OfWhatTheModelCannotDo_SaysWhatItCan()
    {
        using var model = new TinyCogVideoX();
        ModelFolder folder = ModelFolder.Open(model.Folder);
        var request = new VideoGenerationRequest(Prompt);
        Refusal(folder, request, Short with { Frames = 13 }).ShouldContain("The nearest are 9 and 17.");
        Refusal(folder, request, Short with { Width = 40 }).ShouldContain("The nearest are 32 and 48.");
        Refusal(folder, request, Short with { Sampler = "euler" }).ShouldContain("ddim, dpm");
        Refusal(folder, request with { FirstFrame = Flat(1) }, Short).ShouldContain("takes no image");
        Refusal(folder, new VideoGenerationRequest(string.Concat(Enumerable.Repeat("balloon ", 40))), Short).ShouldContain("at most 24 tokens");
    }

    [Fact]
    public void Plan_OfAnImageModelWithLearnedPositions_InsistsOnItsSizeAndAnImage()
    {
        using var model = new TinyCogVideoX("CogVideoXImageToVideoPipeline", c => c with { InChannels = 8, UseRotaryPositionalEmbeddings = true, UseLearnedPositionalEmbeddings = true });
        ModelFolder folder = ModelFolder.Open(model.Folder);
        Refusal(folder, new VideoGenerationRequest(Prompt), Short).ShouldContain("needs an image");
        Refusal(folder, new VideoGenerationRequest(Prompt) { FirstFrame = Flat(1) }, Short with { Width = 64 }).ShouldContain("48 × 32 only");
    }

    [Fact]
    public void Plan_OfTokensOfTwoFrames_StaysWithinThePositionGrid()
    {
        using var model = new TinyCogVideoX(change: c => c with { PatchSizeT = 2, UseRotaryPositionalEmbeddings = true, SampleHeight = 300, SampleWidth = 300, SampleFrames = 81 });
        ModelFolder folder = ModelFolder.Open(model.Folder);
        var plan = GenerationPlan.Create(folder, new VideoGenerationRequest(Prompt), Short);
        (plan.Width, plan.Height, plan.Frames, plan.FrameRate).ShouldBe((1360, 768, 81, 16));
        Refusal(folder, new VideoGenerationRequest(Prompt), Short with { Width = 2416 }).ShouldContain("reach 2400 × 2400");
    }

    [Fact]
    public void Plan_OfNetworksThatDoNotFit_NamesTheKey()
    {
        using var model = new TinyCogVideoX("CogVideoXImageToVideoPipeline");
        Should.Throw<ConfigException>(() => GenerationPlan.Create(ModelFolder.Open(model.Folder), new VideoGenerationRequest(Prompt), Short)).Message.ShouldContain("`in_channels` must be 8");
    }

    private static string Refusal(ModelFolder folder, VideoGenerationRequest request, VideoGenerationOptions options) =>
        Should.Throw<GenerationRequestException>(() => GenerationPlan.Create(folder, request, options)).Message;

    private static KinoraVideoGenerator Generator(TinyCogVideoX model, string dtype = "fp32") => new(new KinoraOptions { Model = model.Folder, Device = "cpu", DType = dtype });

    private static VideoFrame Flat(byte level) => new(48, 32, [.. Enumerable.Repeat(level, 48 * 32 * 3)]);
}
