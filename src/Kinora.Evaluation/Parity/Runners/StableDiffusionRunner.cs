using Kinora.Engine;
using Kinora.Models;
using Kinora.Models.Diffusion.Samplers.Stepwise;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>Whole pipelines of Stable Diffusion 1, 2 and XL, from token ids to pixels.</summary>
internal sealed class StableDiffusionRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes => ["diffusers.StableDiffusionPipeline", "diffusers.StableDiffusionXLPipeline"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        string Config(string component) => Path.Combine(fixture.Folder, component, "config.json");
        var unetConfig = UNet2DConditionConfig.Read(ConfigText.OfFile(Config("unet")));
        var vaeConfig = AutoencoderKlConfig.Read(ConfigText.OfFile(Config("vae")));
        UNet2DCondition unet = fixture.Load(path => new UNet2DCondition(path, unetConfig), "unet");
        AutoencoderKl vae = fixture.Load(path => new AutoencoderKl(path, vaeConfig), "vae");
        var scheduler = SchedulerConfig.Read(ConfigText.OfFile(Path.Combine(fixture.Folder, "scheduler", "scheduler_config.json")));
        var firstConfig = ModelConfigJson.ReadFile(Config("text_encoder"), ClipJson.Default.ClipTextConfig);
        ClipTextModel first = fixture.Load(path => new ClipTextModel(path, firstConfig), "text_encoder", ClipModel.IsBuffer);
        ClipTextModelWithProjection? second = null;
        if (File.Exists(Config("text_encoder_2")))
        {
            var secondConfig = ModelConfigJson.ReadFile(Config("text_encoder_2"), ClipJson.Default.ClipTextConfig);
            second = fixture.Load(path => new ClipTextModelWithProjection(path, secondConfig), "text_encoder_2", ClipModel.IsBuffer);
        }
        Tensor ids = fixture.Input("prompt_ids"), negative = fixture.Input("negative_ids"), noise = fixture.Input("latents");
        double height = fixture.Arguments.GetProperty("height").GetDouble(), width = fixture.Arguments.GetProperty("width").GetDouble();
        var inputs = new StableDiffusionInputs
        {
            Text = StableDiffusionText.Encode(first, ids, second, ids),
            Negative = StableDiffusionText.Encode(first, negative, second, negative),
            Noise = noise, Scheduler = scheduler, Steps = fixture.Arguments.GetProperty("num_inference_steps").GetInt32(),
            Guidance = fixture.Arguments.GetProperty("guidance_scale").GetDouble(),
            TimeIds = second is null ? null : [height, width, 0, 0, height, width],
            Draw = () => throw new NotSupportedException("the reference draws no noise on the way."),
        };
        // The parameters are the fixture's, so the pipeline is not disposed of.
        var pipeline = new StableDiffusionPipeline(unet, vae, Device.Cpu);
        var steps = new List<Tensor>();
        Tensor latents = pipeline.Sample(inputs, (_, result) => steps.Add(result.Next.Clone().Own()));
        outputs.Add("out.latents_per_step", Tensor.Stack(steps, 0));
        steps.ForEach(step => step.Dispose());
        outputs.Add("out.image", (pipeline.Decode(latents) / 2 + 0.5).Clamp(0, 1));
        using StepwiseSampler sampler = PublishedSamplers.Create(scheduler, new SamplingOptions(inputs.Steps));
        Tensor timesteps = Tensor.FromArray<double>([.. sampler.Timesteps], sampler.Timesteps.Count);
        outputs.Add("out.timesteps", timesteps);
    }
}
