using Kinora.Models;
using System.Text.Json;
using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Models.Diffusion.Samplers.Stepwise;
using Kinora.Models.Systems.Ltx;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>LTX-Video's whole pipeline, from token ids to pixels.</summary>
internal sealed class LtxPipelineRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes { get; } = ["diffusers.LTXPipeline"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        using var networks = new NetworkLoader(ModelFolder.Read(fixture.Folder), new LoadOptions());
        using var pipeline = LtxPipeline.Open(networks);
        JsonElement args = fixture.Arguments;
        long f = pipeline.AutoencoderConfig.LatentFrames(args.GetProperty("num_frames").GetInt32());
        long h = args.GetProperty("height").GetInt32() / pipeline.AutoencoderConfig.SpatialCompression, w = args.GetProperty("width").GetInt32() / pipeline.AutoencoderConfig.SpatialCompression;
        LtxText text = pipeline.EncodeText(fixture.Input("prompt_ids"), fixture.Input("prompt_mask")), negative = pipeline.EncodeText(fixture.Input("negative_ids"), fixture.Input("negative_mask"));

        using StepwiseSampler sampler = pipeline.CreateSampler(args.GetProperty("num_inference_steps").GetInt32(), f * h * w);
        outputs.Add("out.timesteps", Tensor.FromArray([.. sampler.Timesteps.Select(t => (float)t)], sampler.Timesteps.Count));
        outputs.Add("out.sigmas", Tensor.FromArray([.. sampler.Sigmas.Select(s => (float)s)], sampler.Sigmas.Count));
        var steps = new List<Tensor>();
        Tensor noise = fixture.Input("latents").Transpose(1, 2).Reshape(1, -1, f, h, w);
        Tensor latents = pipeline.Sample(text, negative, [], noise, args.GetProperty("frame_rate").GetDouble(), sampler, args.GetProperty("guidance_scale").GetDouble(), onStep: (_, step) => steps.Add(step.Next.Clone().Own()));
        outputs.Add("out.latents_per_step", Tensor.Stack(steps, 0));
        steps.ForEach(step => step.Dispose());
        outputs.Add("out.video", ((pipeline.Decode(latents, new Generator(0)) + 1) / 2).Clamp(0, 1).Permute(0, 2, 1, 3, 4)); // [B, F, 3, H, W]
    }
}
