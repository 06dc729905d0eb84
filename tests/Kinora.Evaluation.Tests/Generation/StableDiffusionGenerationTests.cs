using Kinora.Engine;
using Kinora.Media;
using Kinora.Models;
using Kinora.Models.Generation;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Evaluation.Tests.Generation;

public sealed class StableDiffusionGenerationTests
{
    private static readonly VideoGenerationOptions Small = new() { Seed = 5, Steps = 3, Width = 24, Height = 16 };

    [Theory]
    [InlineData("sd15_tiny_pndm")]
    [InlineData("sdxl_tiny_euler")]
    public async Task Generate_TextToImage_SameSeedSamePictureOtherSeedAnother(string fixture)
    {
        using var model = new TinyStableDiffusion(fixture);
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = model.Folder, Device = "cpu", DType = "fp32" });
        var request = new VideoGenerationRequest("a cat") { NegativePrompt = "b" };

        var pair = await generator.GenerateAsync(request, Small with { Count = 2 });
        var again = await generator.GenerateAsync(request, Small with { Seed = 6 });

        (pair[0].Clip.Width, pair[0].Clip.Height, pair[0].Clip.Frames.Count).ShouldBe((24, 16, 1));
        again[0].Manifest.FramesSha256.ShouldBe(pair[1].Manifest.FramesSha256);
        pair[0].Manifest.FramesSha256.ShouldNotBe(pair[1].Manifest.FramesSha256);
        pair[0].Manifest.Pipeline.ShouldBe(ModelFolder.Open(model.Folder).ClassName);
    }

    [Theory]
    [InlineData("sd15_tiny_pndm")]
    [InlineData("sdxl_tiny_euler")]
    public async Task Generate_InBfloat16_IsCloseToFloat32(string fixture)
    {
        using var model = new TinyStableDiffusion(fixture);
        async Task<VideoFrame> Make(string dtype)
        {
            using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = model.Folder, Device = "cpu", DType = dtype });
            return (await generator.GenerateAsync(new VideoGenerationRequest("a cat"), Small with { Guidance = 2 }))[0].Clip.Frames[0];
        }

        byte[] exact = (await Make("fp32")).Rgb, rounded = (await Make("bf16")).Rgb;

        exact.Zip(rounded, (a, b) => Math.Abs(a - b)).Average().ShouldBeLessThan(8);
    }

    [Fact]
    public async Task Generate_BySamplersOfEveryName_MakesAPicture()
    {
        using var model = new TinyStableDiffusion("sd15_tiny_pndm");
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = model.Folder, Device = "cpu", DType = "fp32" });
        foreach (string name in StableDiffusionSamplers.Names)
        {
            var video = (await generator.GenerateAsync(new VideoGenerationRequest("a cat"), Small with { Sampler = name, Guidance = 1 }))[0];

            video.Manifest.Sampler.ShouldBe(name);
            video.Clip.Frames[0].Rgb.Distinct().Count().ShouldBeGreaterThan(1, name);
        }
    }

    [Theory]
    [InlineData("""{ "_class_name": "SASolverScheduler", "_diffusers_version": "0.31.0", "algorithm_type": "data_prediction", "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "corrector_order": 3, "lower_order_final": true, "predictor_order": 2, "tau_func": null, "use_karras_sigmas": true, "variance_type": null }""", "sa-karras")]
    [InlineData("""{ "_class_name": "DPMSolverSDEScheduler", "_diffusers_version": "0.31.0", "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "noise_sampler_seed": 17, "timestep_spacing": "trailing", "use_karras_sigmas": false }""", "dpm-sde")]
    public async Task Generate_SamplerThatTheFolderNames_IsUsed(string scheduler, string name)
    {
        using var model = new TinyStableDiffusion("sd15_tiny_pndm");
        File.WriteAllText(Path.Combine(model.Folder, "scheduler", "scheduler_config.json"), scheduler);
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = model.Folder, Device = "cpu", DType = "fp32" });
        var request = new VideoGenerationRequest("a cat");

        var video = (await generator.GenerateAsync(request, Small with { Steps = 6 }))[0];

        video.Manifest.Sampler.ShouldBe(name);
        (await generator.GenerateAsync(request, Small with { Steps = 6 }))[0].Manifest.FramesSha256.ShouldBe(video.Manifest.FramesSha256);
        // Image to image begins in the middle of the levels.
        (await generator.GenerateAsync(request with { FirstFrame = Gray(24, 16) }, Small with { Steps = 6, ImageStrength = 0.5 }))[0].Clip.Frames.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Generate_WeakImageToImage_StaysNearThePicture()
    {
        using var model = new TinyStableDiffusion("sd15_tiny_pndm");
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = model.Folder, Device = "cpu", DType = "fp32" });
        var request = new VideoGenerationRequest("a cat") { FirstFrame = Gray(24, 16) };
        VideoGenerationOptions options = Small with { Steps = 10, Guidance = 1 };

        VideoFrame weak = (await generator.GenerateAsync(request, options with { ImageStrength = 0.1 }))[0].Clip.Frames[0];
        VideoFrame strong = (await generator.GenerateAsync(request, options with { ImageStrength = 1 }))[0].Clip.Frames[0];

        weak.Rgb.SequenceEqual(strong.Rgb).ShouldBeFalse();
    }

    [Fact]
    public void Plan_Inversion_CountsItsCallsAndRefusesWhatDoesNotGoWithIt()
    {
        using var model = new TinyStableDiffusion("sd15_tiny_pndm");
        ModelFolder folder = ModelFolder.Open(model.Folder);
        var request = new VideoGenerationRequest("a cat") { FirstFrame = Gray(24, 16), SourcePrompt = "" };
        string Refusal(VideoGenerationRequest wrong, VideoGenerationOptions options) => Should.Throw<GenerationRequestException>(() => GenerationPlan.Create(folder, wrong, options)).Message;

        GenerationPlan.Create(folder, request, Small with { Steps = 10 }).NetworkCalls.ShouldBe(20);
        GenerationPlan.Create(folder, request, Small with { Steps = 10, ImageStrength = 0.3 }).NetworkCalls.ShouldBe(6);
        Refusal(request, Small with { Sampler = "euler" }).ShouldContain("ddim backwards");
        Refusal(request with { Mask = Gray(24, 16) }, Small).ShouldContain("inversion with a mask");
        Refusal(request with { FirstFrame = null }, Small).ShouldContain("inversion without an image");
        Refusal(request with { SourcePrompt = "a (cat:11)" }, Small).ShouldContain("words of the inversion");
    }

    [Fact]
    public async Task Generate_MaskOfNothing_KeepsThePictureWhateverThePrompt()
    {
        using var model = new TinyStableDiffusion("sd15_tiny_pndm");
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = model.Folder, Device = "cpu", DType = "fp32" });
        var nothing = new VideoFrame(24, 16, new byte[24 * 16 * 3]);
        var everything = new VideoFrame(24, 16, [.. Enumerable.Repeat((byte)255, 24 * 16 * 3)]);
        async Task<VideoFrame> Paint(string prompt, VideoFrame mask) =>
            (await generator.GenerateAsync(new VideoGenerationRequest(prompt) { FirstFrame = Gray(24, 16), Mask = mask }, Small))[0].Clip.Frames[0];

        VideoFrame kept = await Paint("a cat", nothing), keptToo = await Paint("z", nothing), anew = await Paint("a cat", everything);

        keptToo.Rgb.ShouldBe(kept.Rgb);
        anew.Rgb.SequenceEqual(kept.Rgb).ShouldBeFalse();
    }

    [Fact]
    public async Task Generate_WeightedPrompt_IsTheSameAtOneAndAnotherAtTwo()
    {
        using var model = new TinyStableDiffusion("sdxl_tiny_euler");
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = model.Folder, Device = "cpu", DType = "fp32" });
        async Task<string> HashOf(string prompt) => (await generator.GenerateAsync(new VideoGenerationRequest(prompt), Small))[0].Manifest.FramesSha256;

        string plain = await HashOf("a cat");

        (await HashOf("a (cat:1)")).ShouldBe(plain);
        (await HashOf("a (cat:2)")).ShouldNotBe(plain);
    }

    [Theory]
    [InlineData("sd15_tiny_pndm")]
    [InlineData("sdxl_tiny_euler")]
    public async Task Generate_PromptLongerThanTheWindow_IsReadToItsEnd(string fixture)
    {
        using var model = new TinyStableDiffusion(fixture);
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = model.Folder, Device = "cpu", DType = "fp32" });
        async Task<string> HashOf(string prompt, string negative = "") =>
            (await generator.GenerateAsync(new VideoGenerationRequest(prompt) { NegativePrompt = negative }, Small))[0].Manifest.FramesSha256;
        string letters = string.Join(' ', Enumerable.Repeat("a cat", 30));

        string cat = await HashOf(letters), dog = await HashOf($"{letters} z");

        dog.ShouldNotBe(cat);
        (await HashOf(letters, negative: letters)).ShouldNotBe(cat);
    }

    [Fact]
    public async Task Generate_WithDamagedWeights_SaysAtWhichStepValuesLeftTheNumbers()
    {
        using var model = new TinyStableDiffusion("sd15_tiny_pndm");
        string file = Directory.GetFiles(Path.Combine(model.Folder, "unet"), "*.safetensors").Single();
        byte[] bytes = File.ReadAllBytes(file);
        // The last element of the last tensor: finite, so that it is loaded, and too large to compute with.
        BitConverter.GetBytes(float.MaxValue).CopyTo(bytes, bytes.Length - sizeof(float));
        File.WriteAllBytes(file, bytes);
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = model.Folder, Device = "cpu", DType = "fp32" });

        string message = (await Should.ThrowAsync<NumericException>(() => generator.GenerateAsync(new VideoGenerationRequest("a cat"), Small))).Message;

        message.ShouldContain("step 1 of ");
        message.ShouldContain("--dtype fp32");
    }

    [Fact]
    public async Task Generate_WithControlNet_FollowsItByItsStrength()
    {
        using var model = new TinyStableDiffusion("sd15_tiny_pndm");
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = model.Folder, Device = "cpu", DType = "fp32" });
        string controlNet = Path.Combine(model.Folder, "control"), golden = Path.Combine(AppContext.BaseDirectory, "Fixtures", "Golden", "core", "controlnet_sd15");
        Directory.CreateDirectory(controlNet);
        File.Copy(Path.Combine(golden, "config.json"), Path.Combine(controlNet, "config.json"));
        File.Copy(Path.Combine(golden, "weights.safetensors"), Path.Combine(controlNet, "diffusion_pytorch_model.safetensors"));
        var words = new VideoGenerationRequest("a cat");
        async Task<string> HashAt(double strength) =>
            (await generator.GenerateAsync(words with { Control = Gray(24, 16) }, Small with { ControlNet = controlNet, ControlStrength = strength }))[0].Manifest.FramesSha256;

        string without = (await generator.GenerateAsync(words, Small))[0].Manifest.FramesSha256;

        (await HashAt(0)).ShouldBe(without);
        (await HashAt(1)).ShouldNotBe(without);
        ManifestControl recorded = (await generator.GenerateAsync(words with { Control = Gray(24, 16) }, Small with { ControlNet = controlNet }))[0].Manifest.Control!;
        recorded.ControlNetSha256.ShouldBe(ModelFolder.Sha256Of(controlNet));
        File.AppendAllText(Path.Combine(controlNet, "config.json"), " ");
        recorded.ControlNetSha256.ShouldNotBe(ModelFolder.Sha256Of(controlNet));
        Should.Throw<ConfigException>(() => GenerationPlan.Create(ModelFolder.Open(model.Folder), words with { Control = Gray(24, 16) }, Small with { ControlNet = controlNet + "-gone" })).Message.ShouldContain("control-gone: there is no such file or folder");
        Should.Throw<GenerationRequestException>(() => GenerationPlan.Create(ModelFolder.Open(model.Folder), words with { Control = Gray(24, 16) }, Small)).Message.ShouldContain("--controlnet");
    }

    [Fact]
    public void Plan_EverySamplerByName_CountsItsCalls()
    {
        using var model = new TinyStableDiffusion("sdxl_tiny_euler");
        ModelFolder folder = ModelFolder.Open(model.Folder);
        foreach (string sampler in StableDiffusionSamplers.Names)
        {
            GenerationPlan plan = GenerationPlan.Create(folder, new VideoGenerationRequest("a cat"), Small with { Sampler = sampler, Steps = 4 });
            plan.NetworkCalls.ShouldBeInRange(4, 8, sampler);
        }
        GenerationPlan own = GenerationPlan.Create(folder, new VideoGenerationRequest("a cat"), new VideoGenerationOptions());
        (own.Sampler, own.Steps, own.Guidance, own.Frames).ShouldBe(("euler", 30, 5.0, 1));
        own.Flops.ShouldBeGreaterThan(0);
    }

    [Fact]
    public void Plan_ImpossibleRequests_SayWhatIsPossible()
    {
        using var model = new TinyStableDiffusion("sd15_tiny_pndm");
        ModelFolder folder = ModelFolder.Open(model.Folder);
        var words = new VideoGenerationRequest("a cat");
        string Refusal(VideoGenerationRequest request, VideoGenerationOptions options) => Should.Throw<GenerationRequestException>(() => GenerationPlan.Create(folder, request, options)).Message;

        Refusal(words, Small with { Frames = 5 }).ShouldContain("frames");
        Refusal(words, Small with { Width = 25 }).ShouldContain("24 and 26");
        Refusal(words, Small with { Sampler = "magic" }).ShouldContain("euler-a");
        Refusal(words, Small with { Sampler = "eulr" }).ShouldContain("did you mean euler?");
        Refusal(words with { Mask = Gray(8, 8) }, Small).ShouldContain("mask");
        Refusal(words, Small with { ImageStrength = 0.5 }).ShouldContain("strength");
        Refusal(words with { Prompt = "a (cat:11)" }, Small).ShouldContain("outside 0 to 10");
        Refusal(words with { Prompt = "" }, Small).ShouldContain("prompt");
    }

    [Fact]
    public void Flops_StableDiffusion15At512_IsThePublishedWork() =>
        // Twice the 0.40 TMAC that profilers count for one call at 64×64 latents.
        UNet2DCondition.Flops(UNet2DConditionConfig.StableDiffusion15, 64, 64).ShouldBeInRange(0.75e12, 0.85e12);

    [Fact]
    public void Open_FolderWithoutUNet_SaysWhatIsMissing()
    {
        using var model = new TinyStableDiffusion("sd15_tiny_pndm");
        Directory.Delete(Path.Combine(model.Folder, "unet"), recursive: true);
        Should.Throw<ConfigException>(() => ModelFolder.Open(model.Folder)).Message.ShouldContain("unet");
    }

    private static VideoFrame Gray(int width, int height) => new(width, height, [.. Enumerable.Range(0, width * height * 3).Select(i => (byte)(100 + i % 50))]);
}
