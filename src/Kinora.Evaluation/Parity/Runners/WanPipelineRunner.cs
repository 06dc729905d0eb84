using Kinora.Models;
using System.Text.Json;
using Kinora.Engine;
using Kinora.Media;
using Kinora.Models.Diffusion.Samplers.Stepwise;
using Kinora.Models.Systems.Wan;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>Wan's whole pipelines, from token ids to pixels.</summary>
internal sealed class WanPipelineRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes { get; } = ["diffusers.WanPipeline", "diffusers.WanImageToVideoPipeline"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        using var networks = new NetworkLoader(ModelFolder.Read(fixture.Folder), new LoadOptions());
        using var pipeline = WanPipeline.Open(networks);
        JsonElement args = fixture.Arguments;
        int frames = args.GetProperty("num_frames").GetInt32();
        Tensor text = pipeline.EncodeText(fixture.Input("prompt_ids"), fixture.Input("prompt_mask"));
        Tensor negative = pipeline.EncodeText(fixture.Input("negative_ids"), fixture.Input("negative_mask"));
        outputs.Add("out.prompt_embeds", text);
        outputs.Add("out.negative_prompt_embeds", negative);

        var conditioning = new WanConditioning(text, negative);
        if (fixture.TryInput("image_u8") is { } image)
        {
            var picture = new VideoFrame((int)image.Size(1), (int)image.Size(0), image.ToArray<byte>());
            Tensor pixels = (image.To(DType.Float32) / 127.5 - 1).Permute(2, 0, 1).Unsqueeze(0);  // [1, 3, H, W]
            Tensor? tokens = pipeline.EncodeImages([picture]);
            if (tokens is not null)
            {
                outputs.Add("out.image_embeds", tokens);
            }
            conditioning = pipeline.Index.ExpandTimesteps
                ? conditioning with { KnownLatents = pipeline.KnownLatents(pixels.Unsqueeze(2)) }
                : conditioning with { Image = tokens, Concatenated = pipeline.ConcatenatedCondition(pixels, null, frames) };
        }

        using StepwiseSampler sampler = pipeline.CreateSampler(args.GetProperty("num_inference_steps").GetInt32());
        outputs.Add("out.timesteps", Tensor.FromArray([.. sampler.Timesteps.Select(t => (long)t)], sampler.Timesteps.Count));
        outputs.Add("out.sigmas", Tensor.FromArray([.. sampler.Sigmas.Select(s => (float)s)], sampler.Sigmas.Count));
        var steps = new List<Tensor>();
        Tensor latents = pipeline.Sample(conditioning, fixture.Input("latents"), sampler, args.GetProperty("guidance_scale").GetDouble(), onStep: (_, step) => steps.Add(step.Next.Clone().Own()));
        outputs.Add("out.latents_per_step", Tensor.Stack(steps, 0));
        steps.ForEach(step => step.Dispose());
        var parts = new List<Tensor>();
        pipeline.Decode(latents, part => parts.Add(part.Clone().Own()));
        outputs.Add("out.video", ((Tensor.Cat(parts, 2) + 1) / 2).Permute(0, 2, 1, 3, 4));        // [B, F, 3, H, W]
        parts.ForEach(part => part.Dispose());
    }
}
