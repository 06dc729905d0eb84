using Kinora.Media;
using Kinora.Models.Generation;

namespace Kinora.Evaluation.Tests.Generation;

/// <summary>Where the weights of Wan and LTX-Video lie decides memory, not frames.</summary>
public sealed class OffloadTests
{
    [Theory]
    [InlineData("wan_t2v_tiny", "fp32")]
    [InlineData("wan_t2v_tiny", "bf16")]
    [InlineData("wan_i2v_tiny", "fp32")]
    [InlineData("wan_i2v_tiny", "bf16")]
    [InlineData("ltx_tiny", "fp32")]
    [InlineData("ltx_tiny", "bf16")]
    public async Task Offload_GivesTheSameFrames(string fixture, string dtype)
    {
        using var model = new TinyVideoModel(fixture);
        string whole = await Hash(model, fixture, dtype, "none");
        foreach (string offload in new[] { "model", "block" })
        {
            (await Hash(model, fixture, dtype, offload)).ShouldBe(whole, offload);
        }
    }

    private static async Task<string> Hash(TinyVideoModel model, string fixture, string dtype, string offload)
    {
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = model.Folder, Device = "cpu", DType = dtype, Offload = offload });
        var request = new VideoGenerationRequest("a fox") { FirstFrame = fixture == "wan_i2v_tiny" ? new VideoFrame(32, 32, [.. Enumerable.Range(0, 32 * 32 * 3).Select(i => (byte)(i * 7))]) : null };
        return (await generator.GenerateAsync(request, new VideoGenerationOptions { Seed = 5, Steps = 2, Width = 32, Height = 32, Frames = 9, Guidance = 3 }))[0].Manifest.FramesSha256;
    }
}
