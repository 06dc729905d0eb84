using Kinora.Engine;
using Kinora.Media;
using Kinora.Models.Generation;
using Kinora.Models.Tests.Systems.CogVideoX;

namespace Kinora.Models.Tests.Generation;

public sealed class StoryTests
{
    private static readonly VideoGenerationRequest Tale = new() { Prompt = "", Story = [new StoryPart("a red balloon", 9), new StoryPart("a night city", 11)] };

    [Fact]
    public async Task GenerateAsync_KinoraWorld_ContinuesClipByClip()
    {
        using var model = new TinyModel();
        using var generator = Generator(model.Folder);
        var options = new VideoGenerationOptions { Seed = 5 };
        GenerationPlan plan = GenerationPlan.Create(ModelFolder.Open(model.Folder), Tale, options);
        // Clips of 9 frames at most, of which a continuing one holds 5: 9 new, then 4, 4 and 3.
        plan.Clips.Select(c => (c.Part, c.Frames, c.Plan.Frames, c.Plan.HeldFrames)).ShouldBe([(0, 9, 9, 0), (1, 4, 9, 5), (1, 4, 9, 5), (1, 3, 9, 5)]);
        plan.Frames.ShouldBe(20);

        var progress = new Collected();
        GeneratedVideo video = (await generator.GenerateAsync(plan, progress))[0];

        video.Clip.Frames.Count.ShouldBe(20);
        video.Manifest.Story.ShouldBe(Tale.Story);
        GenerationPlan again = GenerationPlan.Create(ModelFolder.Open(model.Folder), Tale with { Story = GenerationManifest.FromJson(video.Manifest.ToJson()).Story! }, options);
        (await generator.GenerateAsync(again))[0].Manifest.FramesSha256.ShouldBe(video.Manifest.FramesSha256);
        progress.All.Where(p => p.Stage == GenerationStage.Sampling && p.Step > 0).Select(p => (p.Step, p.Steps)).Distinct().ShouldBe(Enumerable.Range(1, 12).Select(step => (step, 12)));
        progress.All.Select(p => p.Part).Distinct().ShouldBe([0, 1]);

        // The first part is the clip of its prompt and seed, and the second depends on its own prompt.
        GeneratedVideo alone = (await generator.GenerateAsync(new VideoGenerationRequest("a red balloon"), options))[0];
        video.Clip.Frames.Take(9).Select(f => f.Rgb).ShouldBe(alone.Clip.Frames.Select(f => f.Rgb));
        GeneratedVideo other = (await generator.GenerateAsync(Tale with { Story = [Tale.Story[0], new StoryPart("a blue balloon", 11)] }, options))[0];
        other.Clip.Frames.Take(9).Select(f => f.Rgb).ShouldBe(alone.Clip.Frames.Select(f => f.Rgb));
        other.Manifest.FramesSha256.ShouldNotBe(video.Manifest.FramesSha256);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task GenerateAsync_CogVideoX_ContinuesByLeadingOrByAnImage(bool fromImage)
    {
        using TinyCogVideoX model = fromImage
            ? new TinyCogVideoX("CogVideoXImageToVideoPipeline", c => c with { InChannels = 8, UseRotaryPositionalEmbeddings = true, UseLearnedPositionalEmbeddings = true })
            : new TinyCogVideoX();
        using var generator = Generator(model.Folder);
        VideoGenerationRequest tale = Tale with { FirstFrame = fromImage ? Flat(48, 32, 100) : null };
        GenerationPlan plan = GenerationPlan.Create(ModelFolder.Open(model.Folder), tale, new VideoGenerationOptions { Seed = 5, Steps = 2 });
        plan.Clips.Select(c => c.Plan.HeldFrames).Distinct().ShouldBe(fromImage ? [1] : [0, 1]);

        GeneratedVideo video = (await generator.GenerateAsync(plan))[0];

        video.Clip.Frames.Count.ShouldBe(20);
        video.Clip.Frames.Select(f => f.Width).ShouldAllBe(w => w == 48);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task GenerateAsync_LatentClips_TravelFromPromptToPrompt(bool animateDiff)
    {
        using TinyVideoFolder folder = animateDiff ? TinyVideoFolder.AnimateDiff() : TinyVideoFolder.ModelScope();
        using var generator = Generator(folder.Path);
        var options = new VideoGenerationOptions { Seed = 5, Width = 16, Height = 16, Steps = 2 };
        async Task<GeneratedVideo> Tell(params StoryPart[] parts) => (await generator.GenerateAsync(new VideoGenerationRequest { Prompt = "", Story = parts }, options))[0];

        GeneratedVideo video = await Tell(new("a cat", 6), new("a dog that runs far", 7)), same = await Tell(new("a cat", 6), new("a cat", 7));
        GeneratedVideo plain = (await generator.GenerateAsync(new VideoGenerationRequest("a cat"), options with { Frames = 13 }))[0];

        video.Clip.Frames.Count.ShouldBe(13);
        video.Manifest.Prompt.ShouldBe("a cat; a dog that runs far");
        video.Manifest.FramesSha256.ShouldNotBe(plain.Manifest.FramesSha256);
        // A story of one prompt is the clip of that prompt, up to the rounding of the embeddings' order.
        Difference(same, plain).ShouldBeLessThan(1);
    }

    [Fact]
    public async Task GenerateAsync_StableVideoDiffusion_ContinuesAClipFromItsLastFrame()
    {
        using TinyVideoFolder folder = TinyVideoFolder.StableVideoDiffusion();
        using var generator = Generator(folder.Path);
        var clip = new Clip([Flat(24, 16, 10), Flat(24, 16, 200)], 6);

        GeneratedVideo video = (await generator.GenerateAsync(new VideoGenerationRequest("") { Continue = clip }, new VideoGenerationOptions { Seed = 5, Width = 24, Height = 16, Steps = 2 }))[0];

        // Two given frames, then what follows the held one.
        video.Clip.Frames.Count.ShouldBe(2 + TinyVideoFolder.Frames - 1);
        video.Clip.Frames.Take(2).Select(f => f.Rgb[0]).ShouldBe([10, 200]);
        (video.Manifest.Input!.Kind, video.Manifest.Input.HeldFrames, video.Clip.Fps).ShouldBe(("clip", 1, 6.0));
    }

    [Fact]
    public void Plan_OfImpossibleStories_SaysWhy()
    {
        using var world = new TinyModel();
        using TinyVideoFolder svd = TinyVideoFolder.StableVideoDiffusion();
        string Refusal(string folder, VideoGenerationRequest request, VideoGenerationOptions? options = null) =>
            Should.Throw<GenerationRequestException>(() => GenerationPlan.Create(ModelFolder.Open(folder), request, options ?? new VideoGenerationOptions())).Message;

        Refusal(svd.Path, Tale with { FirstFrame = Flat(24, 16, 1) }).ShouldContain("a story needs a model that makes clips from words");
        Refusal(world.Folder, Tale with { Prompt = "more" }).ShouldContain("a story takes no prompt beside its own");
        Refusal(world.Folder, Tale, new VideoGenerationOptions { Frames = 9 }).ShouldContain("the story has 20 frames, 9 were asked for");
        Refusal(world.Folder, Tale with { Story = [new StoryPart(string.Concat(Enumerable.Repeat("a red balloon ", 40)), 9)] }).ShouldContain("Shorten");
    }

    private static KinoraVideoGenerator Generator(string folder) => new(new KinoraOptions { Model = folder, Device = "cpu", DType = "fp32" });

    private static VideoFrame Flat(int width, int height, byte value) => new(width, height, [.. Enumerable.Repeat(value, width * height * 3)]);

    private static double Difference(GeneratedVideo a, GeneratedVideo b) => a.Clip.Frames.Zip(b.Clip.Frames).Average(p => p.First.Rgb.Zip(p.Second.Rgb).Average(q => Math.Abs(q.First - q.Second)));

    private sealed class Collected : IProgress<GenerationProgress>
    {
        public List<GenerationProgress> All { get; } = [];

        public void Report(GenerationProgress value) => All.Add(value);
    }
}
