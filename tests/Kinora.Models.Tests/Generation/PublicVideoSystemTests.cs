using Kinora.Engine;
using Kinora.Media;
using Kinora.Models.Generation;

namespace Kinora.Models.Tests.Generation;

public sealed class PublicVideoSystemTests
{
    private static readonly VideoFrame Photo = new(20, 12, [.. Enumerable.Range(0, 20 * 12 * 3).Select(i => (byte)(i * 7))]);

    [Fact]
    public async Task GenerateAsync_StableVideoDiffusion_AnimatesThePicture()
    {
        long live = Tensor.LiveCount;
        using (TinyVideoFolder folder = TinyVideoFolder.StableVideoDiffusion())
        {
            var generator = new KinoraVideoGenerator(Options(folder));
            var request = new VideoGenerationRequest("") { FirstFrame = Photo };
            var options = new VideoGenerationOptions { Seed = 5, Width = 24, Height = 16, Steps = 2, Motion = 40, ImageNoise = 0.1, FrameRate = 6 };
            GeneratedVideo video = (await generator.GenerateAsync(request, options))[0];
            (video.Clip.Width, video.Clip.Height, video.Clip.Frames.Count, video.Clip.Fps).ShouldBe((24, 16, TinyVideoFolder.Frames, 6.0));
            (video.Manifest.Pipeline, video.Manifest.Sampler, video.Manifest.Guidance).ShouldBe(("StableVideoDiffusionPipeline", "euler-karras", 3.0));
            (video.Manifest.Input!.Kind, video.Manifest.Input.Motion, video.Manifest.Input.Noise).ShouldBe(("image", 40, 0.1));

            GeneratedVideo again = (await generator.GenerateAsync(request, options with { Sampler = video.Manifest.Sampler, GuidanceRescale = video.Manifest.GuidanceRescale }))[0];
            again.Manifest.FramesSha256.ShouldBe(video.Manifest.FramesSha256);
            GeneratedVideo moving = (await generator.GenerateAsync(request, options with { Motion = 200 }))[0];
            moving.Manifest.FramesSha256.ShouldNotBe(video.Manifest.FramesSha256);
            generator.Dispose();
            await EngineThread.Shared.RunAsync(() => { });
        }
        Tensor.LiveCount.ShouldBe(live);
    }

    [Theory]
    [InlineData(true, 4)]
    [InlineData(true, TinyVideoFolder.MaxMotionFrames + 3)]
    [InlineData(false, 4)]
    public async Task GenerateAsync_Words_GivesAClipOfAnyLength(bool animateDiff, int frames)
    {
        long live = Tensor.LiveCount;
        using (TinyVideoFolder folder = animateDiff ? TinyVideoFolder.AnimateDiff() : TinyVideoFolder.ModelScope())
        {
            var generator = new KinoraVideoGenerator(Options(folder));
            var options = new VideoGenerationOptions { Seed = 5, Width = 16, Height = 16, Frames = frames, Steps = 2 };
            GeneratedVideo video = (await generator.GenerateAsync(new VideoGenerationRequest("a cat"), options))[0];
            (video.Clip.Width, video.Clip.Height, video.Clip.Frames.Count).ShouldBe((16, 16, frames));
            GeneratedVideo other = (await generator.GenerateAsync(new VideoGenerationRequest("a dog"), options))[0];
            other.Manifest.FramesSha256.ShouldNotBe(video.Manifest.FramesSha256);
            generator.Dispose();
            await EngineThread.Shared.RunAsync(() => { });
        }
        Tensor.LiveCount.ShouldBe(live);
    }

    [Theory]
    [InlineData("svd")]
    [InlineData("animatediff")]
    [InlineData("modelscope")]
    public async Task GenerateAsync_InBfloat16_IsCloseToFloat32(string system)
    {
        using TinyVideoFolder folder = system switch { "svd" => TinyVideoFolder.StableVideoDiffusion(), "animatediff" => TinyVideoFolder.AnimateDiff(), _ => TinyVideoFolder.ModelScope() };
        var request = new VideoGenerationRequest(system == "svd" ? "" : "a cat") { FirstFrame = system == "svd" ? Photo : null };
        var frames = new List<byte[]>();
        foreach (string dtype in new[] { "fp32", "bf16" })
        {
            using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = folder.Path, Device = "cpu", DType = dtype });
            GeneratedVideo video = (await generator.GenerateAsync(request, new VideoGenerationOptions { Seed = 5, Width = 16, Height = 16, Frames = 3, Steps = 2 }))[0];
            video.Manifest.DType.ShouldBe(dtype);
            frames.Add([.. video.Clip.Frames.SelectMany(f => f.Rgb)]);
        }
        frames[1].ShouldNotBe(frames[0], "nothing ran in bfloat16");
        frames[0].Zip(frames[1], (a, b) => Math.Abs(a - b)).Average().ShouldBeLessThan(8);
    }

    [Theory]
    [InlineData("svd", 3)]
    [InlineData("animatediff", 4)]
    [InlineData("modelscope", 4)]
    [InlineData("sd", 1)]
    public async Task GenerateAsync_WithPreviews_ShowsFramesSideBySideAndMakesTheSameClip(string system, int shown)
    {
        using TinyVideoFolder folder = system switch { "svd" => TinyVideoFolder.StableVideoDiffusion(), "animatediff" => TinyVideoFolder.AnimateDiff(), "sd" => TinyVideoFolder.StableDiffusion(), _ => TinyVideoFolder.ModelScope() };
        using var generator = new KinoraVideoGenerator(Options(folder));
        var request = new VideoGenerationRequest(system == "svd" ? "" : "a cat") { FirstFrame = system == "svd" ? Photo : null };
        var options = new VideoGenerationOptions { Seed = 5, Width = 16, Height = 16, Frames = system switch { "svd" => 3, "sd" => 1, _ => 5 }, Steps = 2 };
        var previews = new List<VideoFrame>();

        GeneratedVideo plain = (await generator.GenerateAsync(request, options))[0];
        GeneratedVideo shownToo = (await generator.GenerateAsync(request, options with { PreviewEverySteps = 1 }, new Previews(previews)))[0];

        shownToo.Manifest.FramesSha256.ShouldBe(plain.Manifest.FramesSha256);
        // Two halvings in these autoencoders: a latent is 2 × 2 pixels, shown as one.
        previews.Select(p => (p.Width, p.Height)).ShouldBe([(8 * shown, 8), (8 * shown, 8)]);
    }

    [Fact]
    public async Task GenerateAsync_LatentConsistencyModel_TakesFourStepsAndReadsTheGuidanceScale()
    {
        using TinyVideoFolder folder = TinyVideoFolder.LatentConsistency();
        using var generator = new KinoraVideoGenerator(Options(folder));
        var options = new VideoGenerationOptions { Seed = 5, Width = 16, Height = 16 };

        GeneratedVideo picture = (await generator.GenerateAsync(new VideoGenerationRequest("a cat"), options))[0];
        GeneratedVideo guided = (await generator.GenerateAsync(new VideoGenerationRequest("a cat"), options with { Guidance = 3 }))[0];
        GeneratedVideo led = (await generator.GenerateAsync(new VideoGenerationRequest("a cat") { NegativePrompt = "a dog" }, options))[0];

        (picture.Manifest.Steps, picture.Manifest.Sampler, picture.Manifest.Guidance).ShouldBe((4, "lcm", 8.5));
        guided.Manifest.FramesSha256.ShouldNotBe(picture.Manifest.FramesSha256);
        // The scale is an input, not a second prediction: the negative prompt is not read.
        led.Manifest.FramesSha256.ShouldBe(picture.Manifest.FramesSha256);
    }

    [Fact]
    public async Task GenerateAsync_RefinerOfXl_RedrawsAPictureByItsSecondEncoder()
    {
        using TinyVideoFolder folder = TinyVideoFolder.XlRefiner();
        using var generator = new KinoraVideoGenerator(Options(folder));
        var options = new VideoGenerationOptions { Seed = 5, Width = 16, Height = 16, Steps = 4, ImageStrength = 0.5 };
        async Task<string> Refine(VideoFrame picture, string prompt) => (await generator.GenerateAsync(new VideoGenerationRequest(prompt) { FirstFrame = picture }, options))[0].Manifest.FramesSha256;
        var gray = new VideoFrame(16, 16, [.. Enumerable.Repeat((byte)128, 16 * 16 * 3)]);

        string photo = await Refine(Photo, "a cat");

        (await Refine(Photo, "a cat")).ShouldBe(photo);
        (await Refine(gray, "a cat")).ShouldNotBe(photo);
        (await Refine(Photo, "a dog that is far too long for one window")).ShouldNotBe(photo);
    }

    private sealed class Previews(List<VideoFrame> all) : IProgress<GenerationProgress>
    {
        public void Report(GenerationProgress value)
        {
            if (value.Preview is { } picture) { all.Add(picture); }
        }
    }

    [Fact]
    public async Task GenerateAsync_PictureModelWithAMotionAdapter_GivesAClip()
    {
        using TinyVideoFolder pictures = TinyVideoFolder.StableDiffusion(), motion = TinyVideoFolder.AnimateDiff();
        string adapter = Path.Combine(motion.Path, "motion_adapter");
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = pictures.Path, Device = "cpu", DType = "fp32", Parts = Motion(adapter) });
        GeneratedVideo video = (await generator.GenerateAsync(new VideoGenerationRequest("a cat"), new VideoGenerationOptions { Seed = 5, Width = 16, Height = 16, Frames = 4, Steps = 2 }))[0];
        video.Clip.Frames.Count.ShouldBe(4);
        (video.Manifest.Pipeline, video.Manifest.Parts!.Components["motion_adapter"], video.Manifest.Sampler).ShouldBe(("AnimateDiffPipeline", adapter, "ddim"));
        video.Manifest.ModelSha256.ShouldNotBe(ModelFolder.Open(pictures.Path).Sha256());
    }

    [Fact]
    public void WithMotionAdapter_OfAnotherSystem_IsRefused()
    {
        using TinyVideoFolder video = TinyVideoFolder.StableVideoDiffusion(), motion = TinyVideoFolder.AnimateDiff();
        Should.Throw<ConfigException>(() => ModelFolder.Open(video.Path, Motion(Path.Combine(motion.Path, "motion_adapter")))).Message.ShouldContain("a motion adapter goes with a StableDiffusionPipeline");
    }

    [Fact]
    public void Plan_OfStableVideoDiffusion_SaysWhatItNeedsAndTakesNot()
    {
        using TinyVideoFolder tiny = TinyVideoFolder.StableVideoDiffusion();
        ModelFolder folder = ModelFolder.Open(tiny.Path);
        Refusal(folder, new VideoGenerationRequest(""), new VideoGenerationOptions()).ShouldContain("give one with --image");
        Refusal(folder, new VideoGenerationRequest("a cat") { FirstFrame = Photo }, new VideoGenerationOptions()).ShouldContain("--image-model");
        Refusal(folder, new VideoGenerationRequest("") { FirstFrame = Photo }, new VideoGenerationOptions { Width = 26, Height = 16 }).ShouldContain("multiple of 4");
        Refusal(folder, new VideoGenerationRequest("") { FirstFrame = Photo }, new VideoGenerationOptions { Width = 24, Height = 16, Motion = 256 }).ShouldContain("within 0 and 255");
        GenerationPlan plan = GenerationPlan.Create(folder, new VideoGenerationRequest("") { FirstFrame = Photo }, new VideoGenerationOptions { Width = 24, Height = 16 });
        plan.Flops.ShouldBeGreaterThan(1e8);
        plan.PeakBytes(new LoadOptions()).ShouldBeGreaterThan(MemoryPlan.Libraries);
    }

    [Fact]
    public void Plan_OfAnimateDiff_RefusesAPictureAndAnImpossibleWeight()
    {
        using TinyVideoFolder tiny = TinyVideoFolder.AnimateDiff();
        ModelFolder folder = ModelFolder.Open(tiny.Path);
        Refusal(folder, new VideoGenerationRequest("a cat") { FirstFrame = Photo }, new VideoGenerationOptions()).ShouldContain("AnimateDiff takes no image");
        Refusal(folder, new VideoGenerationRequest("a (cat:20) that runs"), new VideoGenerationOptions()).ShouldContain("the weight 20");
    }

    private static ModelParts Motion(string adapter) => new() { Components = new Dictionary<string, string> { ["motion_adapter"] = adapter } };

    private static KinoraOptions Options(TinyVideoFolder folder) => new() { Model = folder.Path, Device = "cpu", DType = "fp32" };

    private static string Refusal(ModelFolder folder, VideoGenerationRequest request, VideoGenerationOptions options) =>
        Should.Throw<GenerationRequestException>(() => GenerationPlan.Create(folder, request, options)).Message;
}
