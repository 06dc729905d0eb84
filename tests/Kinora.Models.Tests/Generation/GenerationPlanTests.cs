using Kinora.Media;
using Kinora.Models.Generation;

namespace Kinora.Models.Tests.Generation;

public sealed class GenerationPlanTests
{
    private static GenerationPlan Plan(TinyModel model, VideoGenerationRequest request, VideoGenerationOptions? options = null) =>
        GenerationPlan.Create(ModelFolder.Open(model.Folder), request, options ?? new VideoGenerationOptions());

    private static readonly VideoGenerationRequest Balloon = new("a red balloon");

    [Fact]
    public void Create_NothingSaid_TakesTheModelsDefaults()
    {
        using var model = new TinyModel();
        GenerationPlan plan = Plan(model, Balloon);
        (plan.Width, plan.Height, plan.Frames, plan.FrameRate, plan.Steps, plan.Guidance, plan.Sampler, plan.Count).ShouldBe((32, 32, 9, 8.0, 3, 2.0, "unipc", 1));
        plan.Flops.ShouldBeGreaterThan(0);
        plan.PeakBytes(new LoadOptions()).ShouldBeGreaterThan(MemoryPlan.Libraries);
        plan.Input.ShouldBeNull();
    }

    [Theory]
    [InlineData(70, 64, 80)]
    [InlineData(1, 16, 32)]
    [InlineData(0, 16, 32)]
    [InlineData(-5, 16, 32)]
    [InlineData(4097, 4080, 4096)]
    [InlineData(100_000, 4080, 4096)]
    public void Create_ImpossibleSide_NamesTheTwoNearest(int side, int below, int above)
    {
        using var model = new TinyModel();
        var failure = Should.Throw<GenerationRequestException>(() => Plan(model, Balloon, new VideoGenerationOptions { Width = side }));
        failure.Parameter.ShouldBe("width");
        failure.Message.ShouldContain($"The nearest are {below} and {above}.");
        Should.Throw<GenerationRequestException>(() => Plan(model, Balloon, new VideoGenerationOptions { Height = side })).Parameter.ShouldBe("height");
        Plan(model, Balloon, new VideoGenerationOptions { Width = below, Height = above }).Height.ShouldBe(above);
    }

    [Theory]
    [InlineData(7, 5, 9)]
    [InlineData(0, 1, 5)]
    [InlineData(2000, 1021, 1025)]
    public void Create_ImpossibleFrames_NamesTheTwoNearest(int frames, int below, int above)
    {
        using var model = new TinyModel();
        Should.Throw<GenerationRequestException>(() => Plan(model, Balloon, new VideoGenerationOptions { Frames = frames })).Message.ShouldContain($"The nearest are {below} and {above}.");
        Plan(model, Balloon, new VideoGenerationOptions { Frames = above }).Frames.ShouldBe(above);
    }

    [Fact]
    public void Create_PromptsThatDoNotFit_AreRefused()
    {
        using var model = new TinyModel();
        Should.Throw<GenerationRequestException>(() => Plan(model, new VideoGenerationRequest(" \t\n"))).Message.ShouldContain("empty");
        string longest = string.Join(' ', Enumerable.Repeat("balloon", 1250));
        var failure = Should.Throw<GenerationRequestException>(() => Plan(model, new VideoGenerationRequest(longest)));
        failure.Message.ShouldContain("9999 characters");
        failure.Message.ShouldContain("at most 24 tokens");
        Should.Throw<GenerationRequestException>(() => Plan(model, Balloon with { NegativePrompt = longest })).Parameter.ShouldBe("negative prompt");
        Plan(model, new VideoGenerationRequest("🎈🎈")).Prompt.ShouldBe("🎈🎈");
    }

    [Theory]
    [InlineData("steps")]
    [InlineData("guidance")]
    [InlineData("guidance rescale")]
    [InlineData("frame rate")]
    [InlineData("count")]
    [InlineData("sampler")]
    public void Create_NumberOutOfRange_NamesIt(string parameter)
    {
        using var model = new TinyModel();
        VideoGenerationOptions options = parameter switch
        {
            "steps" => new() { Steps = 0 },
            "guidance" => new() { Guidance = double.NaN },
            "guidance rescale" => new() { GuidanceRescale = 1.5 },
            "frame rate" => new() { FrameRate = double.PositiveInfinity },
            "count" => new() { Count = 0 },
            _ => new() { Sampler = "magic" },
        };
        Should.Throw<GenerationRequestException>(() => Plan(model, Balloon, options)).Parameter.ShouldBe(parameter);
    }

    [Fact]
    public void Create_ImageAndClip_AreRefusedTogetherOrWithoutRoom()
    {
        using var model = new TinyModel();
        var frame = new VideoFrame(8, 8, new byte[8 * 8 * 3]);
        Should.Throw<GenerationRequestException>(() => Plan(model, Balloon with { FirstFrame = frame, Continue = new Clip([frame], 8) })).Message.ShouldContain("one of them");
        Should.Throw<GenerationRequestException>(() => Plan(model, Balloon with { FirstFrame = frame }, new VideoGenerationOptions { Frames = 1 })).Message.ShouldContain("at least 5");
        GenerationPlan plan = Plan(model, Balloon with { FirstFrame = frame });
        plan.HeldFrames.ShouldBe(1);
        (plan.GivenFrames[0].Width, plan.GivenFrames[0].Height).ShouldBe((32, 32));
    }

    [Fact]
    public void Create_MoreWork_EstimatesMore()
    {
        using var model = new TinyModel();
        double plain = Plan(model, Balloon).Flops;
        Plan(model, Balloon, new VideoGenerationOptions { Guidance = 1 }).Flops.ShouldBeLessThan(plain);
        Plan(model, Balloon, new VideoGenerationOptions { Sampler = "heun" }).Flops.ShouldBeGreaterThan(plain);
        GenerationPlan large = Plan(model, Balloon, new VideoGenerationOptions { Width = 256, Height = 256, Frames = 33 });
        large.Flops.ShouldBeGreaterThan(50 * plain);
        large.PeakBytes(new LoadOptions()).ShouldBeGreaterThan(Plan(model, Balloon).PeakBytes(new LoadOptions()));
    }

    [Fact]
    public void FromJson_DamagedOrNewerManifest_SaysSo()
    {
        Should.Throw<FormatException>(() => GenerationManifest.FromJson("{")).Message.ShouldContain("damaged");
        Should.Throw<FormatException>(() => GenerationManifest.FromJson("{}")).Message.ShouldContain("damaged");
    }
}
