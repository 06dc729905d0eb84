// A picture led back to its noise and forward again. DDIM's inversion evaluates the network a step too early, so it is exact in the limit of many steps, and
// the sooner the smoother the network is in its input; random ones are rough at the noisiest levels, hence half of the way here (the whole way for a denoiser
// in closed form: StepwiseSamplerTests). Latents have unit deviation, as trained autoencoders make them.

using Kinora.Engine;
using Kinora.Media;
using Kinora.Models.Generation;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Models.Tests.Generation;

public sealed class InversionTests
{
    private static readonly VideoFrame Photo = new(16, 16, [.. Enumerable.Range(0, 16 * 16 * 3).Select(i => (byte)(i * 7 % 200 + i / 16))]);
    private static readonly VideoGenerationOptions Options = new() { Seed = 5, Width = 16, Height = 16, Steps = 50, Guidance = 1 };

    // What the autoencoder alone makes of the picture is the most that an inversion can give back.
    [Theory]
    [InlineData(0.5, 50, 2)]
    [InlineData(0.5, 150, 1)]
    public async Task GenerateAsync_InversionUnderThePromptItself_GivesThePictureBack(double strength, int steps, double grayLevels)
    {
        using TinyVideoFolder folder = TinyVideoFolder.StableDiffusion();
        byte[] coded = await CodedAndScaled(folder.Path);
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = folder.Path, Device = "cpu", DType = "fp32" });
        var request = new VideoGenerationRequest("a cat") { FirstFrame = Photo, SourcePrompt = "a cat" };
        VideoGenerationOptions options = Options with { ImageStrength = strength, Steps = steps };
        GeneratedVideo back = (await generator.GenerateAsync(request, options))[0];
        GeneratedVideo noised = (await generator.GenerateAsync(request with { SourcePrompt = null }, options))[0];
        GeneratedVideo edited = (await generator.GenerateAsync(request with { Prompt = "a dog" }, options with { Guidance = 20 }))[0];

        string distances = $"back {Distance(back)}, edited {Distance(edited)}, noised {Distance(noised)}";
        Distance(back).ShouldBeLessThan(grayLevels, distances);
        Distance(edited).ShouldBeGreaterThan(2 * Distance(back), distances);
        Distance(noised).ShouldBeGreaterThan(2 * Distance(back), distances);
        (back.Manifest.Sampler, back.Manifest.Input!.SourcePrompt, back.Manifest.Input.Strength).ShouldBe(("ddim", "a cat", strength));
        // The seed decides nothing: no noise is drawn.
        (await generator.GenerateAsync(request, options with { Seed = 77 }))[0].Manifest.FramesSha256.ShouldBe(back.Manifest.FramesSha256);

        double Distance(GeneratedVideo video) => video.Clip.Frames[0].Rgb.Zip(coded, (a, b) => Math.Abs(a - b)).Average();
    }

    [Fact]
    public async Task GenerateAsync_Inversion_ReportsStepsFromTheFirstToTheLast()
    {
        using TinyVideoFolder folder = TinyVideoFolder.StableDiffusion();
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = folder.Path, Device = "cpu", DType = "fp32" });
        var steps = new List<int>();

        await generator.GenerateAsync(new VideoGenerationRequest("a dog") { FirstFrame = Photo, SourcePrompt = "" }, Options with { Steps = 4, Guidance = 3 }, new Recorder(steps));

        steps.ShouldBe([0, 0, 1, 1, 2, 2, 3, 3, 4]);
    }

    [Theory]
    [InlineData("animatediff")]
    [InlineData("modelscope")]
    [InlineData("svd")]
    public void Plan_OfAVideoModel_SaysWhichModelsInvert(string system)
    {
        using TinyVideoFolder folder = system switch { "svd" => TinyVideoFolder.StableVideoDiffusion(), "animatediff" => TinyVideoFolder.AnimateDiff(), _ => TinyVideoFolder.ModelScope() };
        var request = new VideoGenerationRequest(system == "svd" ? "" : "a cat") { FirstFrame = system == "svd" ? Photo : null, SourcePrompt = "a dog" };

        Should.Throw<GenerationRequestException>(() => GenerationPlan.Create(ModelFolder.Open(folder.Path), request, new VideoGenerationOptions { Width = 16, Height = 16 })).Message.ShouldContain("Stable Diffusion models (1, 2 and XL) invert a picture");
    }

    // The picture as the autoencoder makes it again; its configuration gets the scale at which the picture's latents have unit deviation.
    private static Task<byte[]> CodedAndScaled(string model) => EngineThread.Shared.RunAsync(() =>
    {
        using var scope = TensorScope.Enter();
        using var networks = new NetworkLoader(ModelFolder.Open(model), new LoadOptions());
        AutoencoderKl vae = AutoencoderKl.Load(networks);
        Tensor latents = vae.Encode(FramePixels.ToModel([Photo]).Squeeze(2)).Mean;
        byte[] rgb = FramePixels.FromModel(vae.Decode(latents).Unsqueeze(2), 0)[0].Rgb;
        ModelConfigJson.WriteFile(Path.Combine(model, "vae", "config.json"), vae.Config with { ScalingFactor = 1 / latents.Flatten().Square().Mean([0]).Sqrt().Item() }, StableDiffusionJson.Default.AutoencoderKlConfig);
        vae.Path.Store.Dispose();
        return rgb;
    });

    private sealed class Recorder(List<int> steps) : IProgress<GenerationProgress>
    {
        public void Report(GenerationProgress value)
        {
            if (value.Stage == GenerationStage.Sampling) { steps.Add(value.Step); }
        }
    }
}
