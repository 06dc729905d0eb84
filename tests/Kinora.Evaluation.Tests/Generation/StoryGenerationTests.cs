using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Media;
using Kinora.Models;
using Kinora.Models.Generation;
using Kinora.Models.Systems.Wan;

namespace Kinora.Evaluation.Tests.Generation;

public sealed class StoryGenerationTests
{
    [Theory]
    [InlineData("wan_t2v_tiny", 32, 5)]
    [InlineData("wan_i2v_tiny", 32, 1)]
    [InlineData("ltx_tiny", 16, 5)]
    public async Task Generate_AStory_ContinuesFromTheLastFrames(string fixture, int side, int held)
    {
        using var model = new TinyVideoModel(fixture);
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = model.Folder, Device = "cpu", DType = "fp32" });
        var first = new VideoFrame(side, side, [.. Enumerable.Repeat((byte)90, side * side * 3)]);
        var request = new VideoGenerationRequest { Prompt = "", Story = [new StoryPart("a fox", 17), new StoryPart("the sea", 20)], FirstFrame = fixture == "wan_i2v_tiny" ? first : null };
        var options = new VideoGenerationOptions { Seed = 5, Steps = 2, Width = side, Height = side };
        GenerationPlan plan = GenerationPlan.Create(ModelFolder.Open(model.Folder), request, options);
        plan.Clips.Where(c => c.Continues).ShouldAllBe(c => c.Plan.HeldFrames == held && c.Part == 1);

        GeneratedVideo video = (await generator.GenerateAsync(plan))[0];

        video.Clip.Frames.Count.ShouldBe(37);
        video.Manifest.Story.ShouldBe(request.Story);
    }

    [Theory]
    [InlineData("wan_t2v_tiny", 32)]
    [InlineData("wan_i2v_tiny", 32)]
    [InlineData("ltx_tiny", 16)]
    public async Task Generate_FromAClip_KeepsItAndFollowsItsLastFrames(string fixture, int side)
    {
        using var model = new TinyVideoModel(fixture);
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = model.Folder, Device = "cpu", DType = "fp32" });
        Clip Flat(byte value) => new([.. Enumerable.Range(0, 7).Select(i => new VideoFrame(side, side, [.. Enumerable.Repeat((byte)(value + i), side * side * 3)]))], 12);
        async Task<GeneratedVideo> Continue(Clip clip) =>
            (await generator.GenerateAsync(new VideoGenerationRequest("a fox") { Continue = clip }, new VideoGenerationOptions { Seed = 5, Steps = 2, Width = side, Height = side, Frames = 13 }))[0];
        Clip given = Flat(10);

        GeneratedVideo dark = await Continue(given), light = await Continue(Flat(240));

        dark.Clip.Frames.Count.ShouldBe(7 + 13 - dark.Manifest.Input!.HeldFrames);
        dark.Clip.Frames.Take(7).Select(f => f.Rgb).ShouldBe(given.Frames.Select(f => f.Rgb));
        (dark.Manifest.Input.Kind, dark.Clip.Fps).ShouldBe(("clip", 12.0));
        Different(dark, light, 8).ShouldBeTrue();
    }

    private static bool Different(GeneratedVideo a, GeneratedVideo b, int frame) => !a.Clip.Frames[frame].Rgb.SequenceEqual(b.Clip.Frames[frame].Rgb);

    [Fact]
    public void Sample_OfATextToVideoModelWithKnownLatents_ArrivesAtThem()
    {
        using var scope = TensorScope.Enter();
        using var model = new TinyVideoModel("wan_t2v_tiny");
        using var networks = new NetworkLoader(ModelFolder.Open(model.Folder), new LoadOptions());
        using WanPipeline pipeline = WanPipeline.Open(networks);
        int channels = pipeline.AutoencoderConfig.ZDim, width = pipeline.TransformerConfig.TextDim;
        var random = new Generator(3);
        Tensor known = random.Normal(1, channels, 2, 4, 4), noise = random.Normal(1, channels, 5, 4, 4);
        using var sampler = pipeline.CreateSampler(8);
        Tensor? last = null;

        pipeline.Sample(new WanConditioning(random.Normal(1, 4, width), null, KnownLatents: known), noise, sampler, guidance: 1, onStep: (_, step) => last = step.Next.Clone().Own());

        // Without being put there: the sampler's own last step is at them.
        (last!.Narrow(2, 0, 2) - known).Abs().Max().Item().ShouldBeLessThan(1e-3);
        last.Dispose();
    }
}
