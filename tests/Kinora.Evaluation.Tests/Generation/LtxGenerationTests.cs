using Kinora.Media;
using Kinora.Models.Generation;

namespace Kinora.Evaluation.Tests.Generation;

public sealed class LtxGenerationTests
{
    private static readonly VideoGenerationOptions Small = new() { Seed = 5, Steps = 2, Width = 16, Height = 16, Frames = 9 };

    [Theory]
    [InlineData("LTXPipeline")]
    [InlineData("LTXConditionPipeline")]
    public async Task Generate_FromWords_SameSeedSameClipOtherSeedAnother(string className)
    {
        using var model = Model(className);
        using var generator = Generator(model);

        var pair = await generator.GenerateAsync(new VideoGenerationRequest("a fox runs"), Small with { Count = 2 });
        var again = await generator.GenerateAsync(new VideoGenerationRequest("a fox runs"), Small with { Seed = 6 });

        (pair[0].Clip.Width, pair[0].Clip.Height, pair[0].Clip.Frames.Count, pair[0].Clip.Fps).ShouldBe((16, 16, 9, 25.0));
        again[0].Manifest.FramesSha256.ShouldBe(pair[1].Manifest.FramesSha256);
        pair[0].Manifest.FramesSha256.ShouldNotBe(pair[1].Manifest.FramesSha256);
        pair[0].Manifest.Pipeline.ShouldBe(className);
    }

    [Fact]
    public async Task Generate_FromAPictureAndKeyframes_DependsOnEach()
    {
        using var model = Model("LTXConditionPipeline");
        using var generator = Generator(model);
        async Task<GeneratedVideo> Make(VideoFrame? first, params Keyframe[] keyframes) =>
            (await generator.GenerateAsync(new VideoGenerationRequest("a fox") { FirstFrame = first, Keyframes = keyframes }, Small))[0];

        var words = await Make(null);
        var first = await Make(Flat(250));
        var middle = await Make(Flat(250), new Keyframe(4, Flat(10)));
        var both = await Make(Flat(250), new Keyframe(-1, Flat(90)), new Keyframe(4, Flat(10)));

        new[] { words, first, middle, both }.Select(v => v.Manifest.FramesSha256).ShouldBeUnique();
        both.Manifest.Keyframes!.Select(k => k.Frame).ShouldBe([4, 8]);
    }

    [Fact]
    public async Task Generate_WithAFirstFrame_KeepsItWhateverThePrompt()
    {
        using var model = Model("LTXPipeline");
        using var generator = Generator(model);
        // The decoder sees later frames, so the first frame is nearly, not exactly, the same.
        async Task<VideoFrame> FirstOf(string prompt, byte level) => (await generator.GenerateAsync(new VideoGenerationRequest(prompt) { FirstFrame = Flat(level) }, Small))[0].Clip.Frames[0];

        VideoFrame kept = await FirstOf("a fox", 250), same = await FirstOf("the sea", 250), other = await FirstOf("a fox", 10);

        Distance(same, kept).ShouldBeLessThan(Distance(other, kept));
    }

    private static double Distance(VideoFrame a, VideoFrame b) => a.Rgb.Zip(b.Rgb).Average(p => Math.Abs(p.First - p.Second));

    private static TinyVideoModel Model(string className)
    {
        var model = new TinyVideoModel("ltx_tiny");
        model.Edit("model_index.json", json => json["_class_name"] = className);
        if (className == "LTXConditionPipeline")
        {
            model.Edit("scheduler/scheduler_config.json", json =>
            {
                json["use_dynamic_shifting"] = false;
                json["shift_terminal"] = null;
            });
        }
        return model;
    }

    private static KinoraVideoGenerator Generator(TinyVideoModel model) => new(new KinoraOptions { Model = model.Folder, Device = "cpu", DType = "fp32" });

    private static VideoFrame Flat(byte level) => new(16, 16, [.. Enumerable.Repeat(level, 16 * 16 * 3)]);
}
