using System.Text.Json;
using Kinora.Engine;
using Kinora.Media;
using Kinora.Models;
using Kinora.Models.Diffusion.Samplers.Stepwise;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Systems.StableVideoDiffusion;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>Stable Video Diffusion from a picture to frames.</summary>
internal sealed class StableVideoDiffusionRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes => ["diffusers." + StableVideoDiffusionPipeline.Name];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        string Config(string component, string file = "config.json") => Path.Combine(fixture.Folder, component, file);
        var unetConfig = UNetSpatioTemporalConfig.Read(ConfigText.OfFile(Config("unet")));
        var vaeConfig = TemporalAutoencoderConfig.Read(ConfigText.OfFile(Config("vae")));
        var encoderConfig = ModelConfigJson.ReadFile(Config("image_encoder"), ClipJson.Default.ClipVisionConfig);
        using var pipeline = new StableVideoDiffusionPipeline(
            fixture.Load(path => new UNetSpatioTemporal(path, unetConfig), "unet"),
            fixture.Load(path => new TemporalAutoencoder(path, vaeConfig), "vae"),
            fixture.Load(path => new ClipVisionModelWithProjection(path, encoderConfig), "image_encoder", ClipModel.IsBuffer),
            ModelConfigJson.ReadFile(Config("feature_extractor", "preprocessor_config.json"), ClipJson.Default.ClipImageProcessorConfig),
            SchedulerConfig.Read(ConfigText.OfFile(Config("scheduler", "scheduler_config.json"))), Device.Cpu);
        JsonElement args = fixture.Arguments;
        Tensor bytes = fixture.Input("image_u8");                                                // [H, W, 3]
        var request = new StableVideoDiffusionRequest
        {
            Picture = new VideoFrame((int)bytes.Size(1), (int)bytes.Size(0), bytes.ToArray<byte>()), Seed = 0,
            Width = args.GetProperty("width").GetInt32(), Height = args.GetProperty("height").GetInt32(), Frames = args.GetProperty("num_frames").GetInt32(),
            Steps = args.GetProperty("num_inference_steps").GetInt32(), MinGuidance = args.GetProperty("min_guidance_scale").GetDouble(), MaxGuidance = args.GetProperty("max_guidance_scale").GetDouble(),
            FrameRate = args.GetProperty("fps").GetInt32(), MotionBucket = args.GetProperty("motion_bucket_id").GetInt32(), PictureNoise = args.GetProperty("noise_aug_strength").GetDouble(),
        };
        // The fixture keeps every fourth row and column of what the encoder is shown.
        const int Kept = 4;
        outputs.Add("out.clip_resized", pipeline.EncoderPixels(request.Picture).Slice(2, 0, step: Kept).Slice(3, 0, step: Kept));
        outputs.Add("out.preprocessed", pipeline.PicturePixels(request.Picture, request.Width, request.Height));
        Tensor embedding = pipeline.EmbedPicture(request.Picture);
        // Without the picture, then with it, as the reference puts them together.
        outputs.Add("out.image_embeddings", request.MaxGuidance > 1 ? Tensor.Cat([Tensor.ZerosLike(embedding), embedding], 0) : embedding);
        using (StepwiseSampler sampler = pipeline.CreateSampler(request.Steps))
        {
            outputs.Add("out.timesteps", Numbers(sampler.Timesteps));
            outputs.Add("out.sigmas", Numbers(sampler.Sigmas));
        }
        var steps = new List<Tensor>();
        Tensor latents = pipeline.Sample(request, new StableVideoDiffusionNoise(fixture.Input("aug_noise"), fixture.Input("latents")), (_, result) => steps.Add(result.Next.Clone().Own()));
        outputs.Add("out.latents_per_step", Tensor.Stack(steps, 0));
        steps.ForEach(step => step.Dispose());
        var parts = new List<Tensor>();
        int atOnce = args.TryGetProperty("decode_chunk_size", out JsonElement chunk) && chunk.ValueKind == JsonValueKind.Number ? chunk.GetInt32() : request.Frames;
        pipeline.Decode(latents, atOnce, part => parts.Add(((part + 1.0) / 2.0).Clamp(0, 1).Own()));
        outputs.Add("out.frames", Tensor.Cat(parts, 2).Transpose(1, 2));                         // [1, F, 3, H, W]
        parts.ForEach(part => part.Dispose());
    }

    private static Tensor Numbers(IReadOnlyList<double> values) => Tensor.FromArray<float>([.. values.Select(v => (float)v)], values.Count);
}
