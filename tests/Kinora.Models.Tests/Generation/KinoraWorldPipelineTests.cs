using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Random;
using Kinora.Models.Diffusion.Samplers;
using Kinora.Models.Systems.KinoraWorld;

namespace Kinora.Models.Tests.Generation;

public sealed class KinoraWorldPipelineTests
{
    private static KinoraWorldRequest Request(params ulong[] seeds) => new()
    {
        Prompt = "a red balloon rises", Seeds = seeds, Width = 32, Height = 32, Frames = 9, Sampler = UniPcSampler.Sample, Steps = 3, Guidance = 2,
    };

    private static T With<T>(DType compute, Func<KinoraWorldPipeline, T> use)
    {
        using var model = new TinyModel();
        using var networks = new NetworkLoader(ModelFolder.Open(model.Folder), new LoadOptions { Compute = compute });
        using KinoraWorldPipeline pipeline = KinoraWorldPipeline.Load(networks);
        using var scope = TensorScope.Enter();
        return use(pipeline);
    }

    private static void Load(TinyModel model)
    {
        using var networks = new NetworkLoader(ModelFolder.Open(model.Folder), new LoadOptions());
        using KinoraWorldPipeline pipeline = KinoraWorldPipeline.Load(networks);
    }

    // Matrix products are blocked by the number of rows, so a batch agrees with its parts to rounding only. Where the same bits are
    // promised, the generator samples clip by clip: VideoGeneratorTests.
    [Theory]
    [InlineData(DType.Float32, 1e-4)]
    [InlineData(DType.BFloat16, 0.1)]
    public void Sample_SeedInABatch_GivesTheLatentsItGivesAlone(DType compute, double tolerance) => With(compute, pipeline =>
    {
        Tensor batch = pipeline.Sample(Request(11, 12, 13));
        for (int i = 0; i < 3; i++)
        {
            Tensor alone = pipeline.Sample(Request((ulong)(11 + i)));
            alone.Shape.ShouldBe([1, 8, 3, 4, 4]);
            (batch.Narrow(0, i, 1) - alone).Abs().Max().Item().ShouldBeLessThan(tolerance);
            (batch.Narrow(0, (i + 1) % 3, 1) - alone).Abs().Max().Item().ShouldBeGreaterThan(1);
        }
        return true;
    });

    [Fact]
    public void Sample_Prompts_MatterAndSoDoNegativeOnes() => With(DType.Float32, pipeline =>
    {
        float[] red = pipeline.Sample(Request(1)).ToArray<float>();
        red.ShouldAllBe(v => float.IsFinite(v));
        pipeline.Sample(Request(1)).ToArray<float>().ShouldBe(red);
        pipeline.Sample(Request(1) with { Prompt = "a blue balloon rises" }).ToArray<float>().ShouldNotBe(red);
        pipeline.Sample(Request(1) with { NegativePrompt = "night" }).ToArray<float>().ShouldNotBe(red);
        pipeline.Sample(Request(1) with { Guidance = 1 }).ToArray<float>().ShouldNotBe(red);
        // Without guidance the negative prompt has no say.
        pipeline.Sample(Request(1) with { Guidance = 1, NegativePrompt = "night" }).ToArray<float>().ShouldBe(pipeline.Sample(Request(1) with { Guidance = 1 }).ToArray<float>());
        return true;
    });

    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 2)]
    public void Sample_KnownFrames_AreHeldExactly(int frames, int latentFrames) => With(DType.Float32, pipeline =>
    {
        Tensor pixels = new Generator(5).Normal([1, 3, frames, 32, 32]).Clamp(-1, 1);
        float[] expected;
        using (GradMode.NoGrad())
        {
            expected = pipeline.Autoencoder.NormalizeLatents(pipeline.Autoencoder.Encode(pixels).Mean).ToArray<float>();
        }
        Tensor latents = pipeline.Sample(Request(3, 4) with { KnownFrames = pixels });
        for (int i = 0; i < 2; i++)
        {
            latents.Narrow(0, i, 1).Narrow(2, 0, latentFrames).ToArray<float>().ShouldBe(expected);
        }
        float[] free = pipeline.Sample(Request(3)).Narrow(2, latentFrames, 3 - latentFrames).ToArray<float>();
        latents.Narrow(0, 0, 1).Narrow(2, latentFrames, 3 - latentFrames).ToArray<float>().ShouldNotBe(free);
        return true;
    });

    [Fact]
    public void Decode_InParts_GivesEveryFrameOnce() => With(DType.Float32, pipeline =>
    {
        Tensor latents = pipeline.Sample(Request(3) with { Frames = 25 });
        var frames = new List<long>();
        pipeline.Decode(latents, part => frames.Add(part.Size(2)));
        frames.ShouldBe([13L, 12]);
        return true;
    });

    [Fact]
    public void Sample_OneFrame_IsAnImage() => With(DType.Float32, pipeline =>
    {
        pipeline.Sample(Request(3) with { Frames = 1 }).Shape.ShouldBe([1, 8, 1, 4, 4]);
        return true;
    });

    [Fact]
    public void Sample_Canceled_StopsBeforeTheNextNetworkCall() => With(DType.Float32, pipeline =>
    {
        using var cancellation = new CancellationTokenSource();
        int steps = 0;
        Should.Throw<OperationCanceledException>(() => pipeline.Sample(Request(1), _ =>
        {
            steps++;
            cancellation.Cancel();
        }, cancellation.Token));
        steps.ShouldBe(1);
        return true;
    });

    [Fact]
    public void Load_ThenDispose_LeavesNoTensorBehind()
    {
        long live = Tensor.LiveCount;
        With(DType.BFloat16, pipeline => pipeline.Sample(Request(1)).NumElements).ShouldBe(8 * 3 * 4 * 4);
        Tensor.LiveCount.ShouldBe(live);
    }

    [Fact]
    public void Load_DamagedOrForeignWeights_IsRefusedAndLeaksNothing()
    {
        long live = Tensor.LiveCount;
        using (var model = new TinyModel())
        {
            string weights = Path.Combine(model.Component("text_encoder"), "model.safetensors");
            byte[] bytes = File.ReadAllBytes(weights);
            File.WriteAllBytes(weights, bytes[..^1]);
            Should.Throw<CheckpointException>(() => Load(model)).Message.ShouldContain("model.safetensors");
            File.Copy(Path.Combine(model.Component("vae"), "diffusion_pytorch_model.safetensors"), weights, overwrite: true);
            Should.Throw<CheckpointException>(() => Load(model)).Message.ShouldContain("missing: `embeddings.token_embedding.weight`");
        }
        Tensor.LiveCount.ShouldBe(live);
    }

    [Fact]
    public void Load_ConfigsThatDoNotFitTogether_NamesBoth()
    {
        using var model = new TinyModel();
        string path = Path.Combine(model.Component("transformer"), "config.json");
        var config = ModelConfigJson.ReadFile(path, KinoraWorldJson.Default.VideoTransformerConfig);
        ModelConfigJson.WriteFile(path, config with { InChannels = 4, LatentStd = [1, 1, 1, 1] }, KinoraWorldJson.Default.VideoTransformerConfig);
        Should.Throw<ConfigException>(() => Load(model)).Message.ShouldContain("reads 4 latent channels, the VAE makes 8");
    }
}
