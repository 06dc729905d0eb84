// A model's cases: each component, a whole clip, and a training step of its transformer.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Optimization;
using Kinora.Evaluation.Quality;
using Kinora.Models;
using Kinora.Models.Diffusion.Objectives;
using Kinora.Models.Diffusion.Samplers;
using Kinora.Models.Systems.KinoraWorld;

namespace Kinora.Evaluation.Speed;

/// <summary>Cases of one model folder.</summary>
public static class ModelCases
{
    private const int TrainingBatch = 32, PromptsEncoded = 64;

    /// <summary>Loads the model and lists its cases; the pipeline must outlive them.</summary>
    public static IReadOnlyList<SpeedCase> All(ModelFolder folder, KinoraWorldPipeline pipeline, DType compute)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(pipeline);
        KinoraWorldDefaults d = pipeline.Defaults;
        VideoAutoencoderConfig vae = pipeline.Autoencoder.Config;
        int f = vae.LatentFrames(d.Frames), h = d.Height / vae.SpatialCompression, w = d.Width / vae.SpatialCompression, k = d.MaxPromptTokens;
        double network = VideoTransformer.Flops(pipeline.Transformer.Config, f, h, w, k), text = TextEncoder.Flops(pipeline.TextEncoder.Config, k), decode = VideoAutoencoder.DecodeFlops(vae, d.Frames, d.Height, d.Width);
        int guided = d.Guidance == 1 ? 1 : 2, calls = d.Steps * (d.Sampler == "heun" ? 2 : 1);
        FlowSampler sampler = FlowSamplers.Find(d.Sampler) ?? throw new ConfigException($"{folder.Path}: sampler '{d.Sampler}' is unknown.");
        string type = compute.ShortName();
        string[] prompts = [.. HeldOutPrompts.Take(PromptsEncoded).Select(c => c.Prompt)];
        int tokens = prompts.Sum(p => pipeline.Tokenizer.Encode(p).Length);
        KinoraWorldRequest request = new() { Prompt = prompts[0], Seeds = [1], Width = d.Width, Height = d.Height, Frames = d.Frames, Sampler = sampler, Steps = d.Steps, Guidance = d.Guidance, GuidanceRescale = d.GuidanceRescale };
        return
        [
            new("tokenizer", SpeedUnit.ItemsPerSecond, cpu => new SpeedSubject(() =>
            {
                foreach (string prompt in prompts)
                    _ = pipeline.Tokenizer.Encode(prompt);
                return null;
            })) { Items = tokens, Item = "token" },
            new($"transformer, one guided call {type}", SpeedUnit.Milliseconds, device => Network(pipeline.Transformer, guided, f, h, w, k, compute, device)) { Flops = guided * network, Precision = compute },
            new($"VAE encode, one clip {type}", SpeedUnit.Milliseconds, device => OnTensor(device, [1, vae.InChannels, d.Frames, d.Height, d.Width], compute, x => pipeline.Autoencoder.Encode(x).Mean)) { Flops = VideoAutoencoder.EncodeFlops(vae, d.Frames, d.Height, d.Width), Precision = compute },
            new($"VAE decode, one clip {type}", SpeedUnit.Milliseconds, device => OnTensor(device, [1, vae.LatentChannels, f, h, w], compute, pipeline.Autoencoder.Decode)) { Flops = decode, Precision = compute },
            new($"clip end to end, {d.Steps} steps {type}", SpeedUnit.Milliseconds, device => new SpeedSubject(() =>
            {
                Tensor latents = pipeline.Sample(request);
                pipeline.Decode(latents, part => _ = ClipTensor.ToBytes(part));
                return latents;
            })) { Flops = guided * (calls * network + text) + decode, Precision = compute, Goal = 10_000 },
            new($"training step, batch {TrainingBatch} {type}", SpeedUnit.Milliseconds, device => TrainingStep(folder, pipeline.Transformer.Config, f, h, w, k, compute, device)) { Flops = 3 * TrainingBatch * network, Precision = compute },
        ];
    }

    private static SpeedSubject OnTensor(Device device, long[] shape, DType compute, Func<Tensor, Tensor> forward)
    {
        using var scope = TensorScope.Enter();
        Tensor x = Tensor.Randn(shape).Clamp(-1, 1).To(device).Own();
        return new SpeedSubject(() =>
        {
            using var inference = GradMode.NoGrad();
            using var autocast = Autocast.Enter(compute);
            return forward(x);
        }, x.Dispose);
    }

    private static SpeedSubject Network(VideoTransformer network, long b, long f, long h, long w, long k, DType compute, Device device)
    {
        Inputs i = Inputs.Make(network.Config, b, f, h, w, k, device);
        return new SpeedSubject(() =>
        {
            using var noGrad = GradMode.NoGrad();
            using var autocast = Autocast.Enter(compute);
            return network.Forward(i.X, i.Sigma, i.Text, i.Mask);
        }, i.Dispose);
    }

    private static SpeedSubject TrainingStep(ModelFolder folder, VideoTransformerConfig config, long f, long h, long w, long k, DType compute, Device device)
    {
        VideoTransformer network = Checkpoint.Load(folder.Component("transformer"), path => new VideoTransformer(path, config), device: device, trainable: true);
        Inputs i = Inputs.Make(config, TrainingBatch, f, h, w, k, device);
        var adam = new AdamW(network.Parameters(), new AdamWOptions());
        return new SpeedSubject(() =>
        {
            Tensor noisy = FlowMatchingObjective.AddNoise(i.X, i.Noise, i.Sigma), velocity;
            using (Autocast.Enter(compute))
                velocity = network.Forward(noisy, i.Sigma, i.Text, i.Mask);
            Tensor loss = F.MseLoss(velocity, FlowMatchingObjective.Target(i.X, i.Noise));
            loss.Backward();
            adam.Step(1e-6);
            adam.ZeroGrad();
            return loss;
        }, () =>
        {
            adam.Dispose();
            network.Path.Store.Dispose();
            i.Dispose();
        });
    }

    private sealed record Inputs(Tensor X, Tensor Noise, Tensor Sigma, Tensor Text, Tensor Mask) : IDisposable
    {
        public static Inputs Make(VideoTransformerConfig config, long b, long f, long h, long w, long k, Device device)
        {
            using var scope = TensorScope.Enter();
            Tensor Random(params long[] shape) => Tensor.Randn(shape).To(device).Own();
            return new Inputs(Random(b, config.InChannels, f, h, w), Random(b, config.InChannels, f, h, w), Tensor.Full([b, f], 0.5, device: device).Own(), Random(b, k, config.CaptionChannels), Tensor.Ones([b, k], DType.Bool, device).Own());
        }

        public void Dispose()
        {
            foreach (Tensor t in new[] { X, Noise, Sigma, Text, Mask })
                t.Dispose();
        }
    }
}
