using Kinora.Media;
using Kinora.Models.Generation;

namespace Kinora.Evaluation.Tests.Generation;

public sealed class PreviewGenerationTests
{
    [Theory]
    [InlineData("wan_t2v_tiny", 32)]
    [InlineData("ltx_tiny", 16)]
    public async Task Generate_WithPreviews_ShowsLatentFramesAndMakesTheSameClip(string fixture, int side)
    {
        using var model = new TinyVideoModel(fixture);
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = model.Folder, Device = "cpu", DType = "fp32" });
        var options = new VideoGenerationOptions { Seed = 5, Steps = 4, Width = side, Height = side, Frames = 9 };
        var previews = new Previews();

        string plain = (await generator.GenerateAsync(new VideoGenerationRequest("a fox"), options))[0].Manifest.FramesSha256;
        GeneratedVideo shown = (await generator.GenerateAsync(new VideoGenerationRequest("a fox"), options with { PreviewEverySteps = 2 }, previews))[0];

        shown.Manifest.FramesSha256.ShouldBe(plain);
        previews.All.Count.ShouldBe(2);
        // Three latent frames of 9, side by side.
        previews.All.ShouldAllBe(p => p.Width == 3 * p.Height);
    }

    private sealed class Previews : IProgress<GenerationProgress>
    {
        public List<VideoFrame> All { get; } = [];

        public void Report(GenerationProgress value)
        {
            if (value.Preview is { } picture) { All.Add(picture); }
        }
    }
}
