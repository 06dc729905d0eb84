// The pipeline against its parts put together one by one, in the order of huggingface/diffusers 00cb9c12,
// pipelines/text_to_video_synthesis/pipeline_text_to_video_synth.py (TextToVideoSDPipeline.__call__, decode_latents) and image_processor's postprocess.

using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Models.Generation;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Systems.ModelScope;
using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models.Tests.Generation;
using Kinora.Models.Text;

namespace Kinora.Models.Tests.Systems.ModelScope;

public sealed class TextToVideoTests
{
    private const int Seed = 5, Frames = 3, Side = 16, Steps = 4, TrainingSteps = 1000, TextTokens = 12;
    private const double Guidance = 9;
    private const string Prompt = "a cat runs", Negative = "a dog";

    [Fact]
    public async Task GenerateAsync_EqualsItsPartsOneByOne()
    {
        using TinyVideoFolder folder = TinyVideoFolder.ModelScope();
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = folder.Path, Device = "cpu", DType = "fp32" });

        GeneratedVideo video = (await generator.GenerateAsync(new VideoGenerationRequest(Prompt) { NegativePrompt = Negative }, new VideoGenerationOptions { Seed = Seed, Width = Side, Height = Side, Frames = Frames, Steps = Steps }))[0];
        double[] expected = await EngineThread.Shared.RunAsync(() => OneByOne(folder.Path));

        (video.Manifest.Guidance, video.Manifest.Sampler).ShouldBe((Guidance, "ddim"));
        byte[] made = [.. video.Clip.Frames.SelectMany(f => f.Rgb)];
        made.Length.ShouldBe(expected.Length);
        made.Distinct().Count().ShouldBeGreaterThan(50, "a flat clip would prove nothing");
        made.Zip(expected, (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan(0.51); // half a level of rounding, and float32
    }

    // Gray levels 0 to 255 of [F, H, W, 3], not rounded.
    private static double[] OneByOne(string path)
    {
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        ModelFolder folder = ModelFolder.Open(path);
        using var networks = new NetworkLoader(folder, new LoadOptions());
        ClipTextModel encoder = ClipTextModel.Load(networks, "text_encoder");
        var config = UNet3DConfig.Read(folder.Config("unet"));
        UNet3D unet = networks.Load("unet", p => new UNet3D(p, config));
        AutoencoderKl vae = AutoencoderKl.Load(networks);
        TextTokenizer tokenizer = TextTokenizer.Load(folder.Component("tokenizer"));

        // encode_prompt: padded to the encoder's length, last hidden state; the negative prompt comes first.
        Tensor Encode(string text) => encoder.Forward(Tensor.FromArray<long>(tokenizer.EncodePadded(text, TextTokens).Ids, 1, TextTokens)).LastHiddenState;
        Tensor text = Tensor.Cat([Encode(Negative), Encode(Prompt)], 0);                         // [2, K, E]

        // set_timesteps: leading, offset 1; ᾱ of a linear β.
        double[] signal = new double[TrainingSteps];
        for (int t = 0; t < TrainingSteps; t++)
        {
            signal[t] = (t == 0 ? 1 : signal[t - 1]) * (1 - (0.00085 + (0.012 - 0.00085) * t / (TrainingSteps - 1)));
        }
        const int Stride = TrainingSteps / Steps;

        // prepare_latents; the noise scale of DDIM is 1 and its input is not scaled.
        Tensor x = new Generator(Seed).Normal(1, config.InChannels, Frames, Side / 2, Side / 2);  // [1, C, F, h, w]
        for (int i = Steps - 1; i >= 0; i--)
        {
            int t = i * Stride + 1;
            Tensor[] noise = unet.Forward(Tensor.Cat([x, x], 0), Tensor.Full([1], t), text).Chunk(2, 0);
            Tensor guided = noise[0] + (noise[1] - noise[0]) * Guidance;
            // step: x₀, then the level before (arXiv:2010.02502, equation 12 with η = 0).
            double a = signal[t], s = t >= Stride ? signal[t - Stride] : 1;
            Tensor clean = (x - guided * Math.Sqrt(1 - a)) * (1 / Math.Sqrt(a));
            x = clean * Math.Sqrt(s) + guided * Math.Sqrt(1 - s);
        }

        // decode_latents: every frame alone, latents divided by the scaling factor; postprocess: x/2 + 1/2 within [0, 1].
        var frames = new List<double>();
        for (int f = 0; f < Frames; f++)
        {
            Tensor picture = vae.Decode(x.Select(2, f) * (1 / vae.Config.ScalingFactor));         // [1, 3, H, W]
            frames.AddRange((picture / 2 + 0.5).Clamp(0, 1).Permute(0, 2, 3, 1).Contiguous().ToArray<float>().Select(v => v * 255.0));
        }
        encoder.Path.Store.Dispose();
        unet.Path.Store.Dispose();
        vae.Path.Store.Dispose();
        return [.. frames];
    }
}
