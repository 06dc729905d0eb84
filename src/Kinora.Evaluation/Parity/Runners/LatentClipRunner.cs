using System.Text.Json;
using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Models;
using Kinora.Models.Diffusion.Samplers.Stepwise;
using Kinora.Models.Systems.AnimateDiff;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Systems.ModelScope;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>AnimateDiff and ModelScope from token ids to frames.</summary>
internal sealed class LatentClipRunner : IFixtureRunner
{
    private const string AnimateDiff = "diffusers.AnimateDiffPipeline", ModelScope = "diffusers.TextToVideoSDPipeline";

    public IReadOnlyList<string> Classes => [AnimateDiff, ModelScope];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        string Config(string component, string file = "config.json") => Path.Combine(fixture.Folder, component, file);
        var vaeConfig = AutoencoderKlConfig.Read(ConfigText.OfFile(Config("vae")));
        var textConfig = ModelConfigJson.ReadFile(Config("text_encoder"), ClipJson.Default.ClipTextConfig);
        var (denoiser, windows) = fixture.ClassName.StartsWith(AnimateDiff, StringComparison.Ordinal) ? LoadAnimateDiff(fixture, Config) : LoadModelScope(fixture, Config);
        ClipTextModel encoder = fixture.Load(path => new ClipTextModel(path, textConfig), "text_encoder", ClipModel.IsBuffer);
        using var pipeline = new LatentClipPipeline(denoiser, [], windows, fixture.Load(path => new AutoencoderKl(path, vaeConfig), "vae"), Device.Cpu);
        JsonElement args = fixture.Arguments;
        var request = new LatentClipRequest
        {
            Text = encoder.Forward(fixture.Input("prompt_ids")).LastHiddenState, NegativeText = encoder.Forward(fixture.Input("negative_ids")).LastHiddenState, Noise = fixture.Input("latents"),
            Scheduler = SchedulerConfig.Read(ConfigText.OfFile(Config("scheduler", "scheduler_config.json"))), Steps = args.GetProperty("num_inference_steps").GetInt32(), Guidance = args.GetProperty("guidance_scale").GetDouble(), StepNoise = new Generator(0),
        };
        outputs.Add("out.prompt_embeds", request.Text);
        outputs.Add("out.negative_prompt_embeds", request.NegativeText);
        var steps = new List<Tensor>();
        Tensor latents = pipeline.Sample(request, (_, result) => steps.Add(result.Next.Clone().Own()));
        outputs.Add("out.latents_per_step", Tensor.Stack(steps, 0));
        steps.ForEach(step => step.Dispose());
        var parts = new List<Tensor>();
        pipeline.Decode(latents, (int)latents.Size(2), part => parts.Add(((part + 1.0) / 2.0).Clamp(0, 1).Own()));
        outputs.Add("out.video", Tensor.Cat(parts, 2).Transpose(1, 2));                          // [1, F, 3, H, W]
        parts.ForEach(part => part.Dispose());
    }

    private static (ClipDenoiser Denoiser, FrameWindows Windows) LoadAnimateDiff(Fixture fixture, Func<string, string, string> config)
    {
        var unetConfig = UNet2DConditionConfig.Read(ConfigText.OfFile(config("unet", "config.json")));
        var motionConfig = MotionAdapterConfig.Read(ConfigText.OfFile(config("motion_adapter", "config.json")));
        var unet = new UNetMotion(fixture.Load(path => new UNet2DCondition(path, unetConfig), "unet"), fixture.Load(path => new MotionAdapter(path, motionConfig), "motion_adapter"));
        return ((x, t, text) => unet.Forward(x, t, text), FrameWindows.Unbounded);
    }

    private static (ClipDenoiser Denoiser, FrameWindows Windows) LoadModelScope(Fixture fixture, Func<string, string, string> config)
    {
        var unetConfig = UNet3DConfig.Read(ConfigText.OfFile(config("unet", "config.json")));
        UNet3D unet = fixture.Load(path => new UNet3D(path, unetConfig), "unet");
        return ((x, t, text) => unet.Forward(x, t, text), FrameWindows.Unbounded);
    }
}
