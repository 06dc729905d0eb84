// Validation clips: fixed held-out prompts, fixed seeds, Euler steps of the flow ODE with guidance. Small and direct on purpose:
// it shares the networks that are being trained, which a pipeline loaded from a folder could not.

using System.Globalization;
using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Models.Diffusion.Samplers;
using Kinora.Models.Diffusion.Schedules;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Models.Text;
using Kinora.Training.Data;
using Kinora.Training.Recipes;

namespace Kinora.Training.Stages;

internal sealed class GeneratorSampler(Recipe recipe, IClipSource source, ByteLevelBpeTokenizer tokenizer, VideoAutoencoder autoencoder, TextEncoder encoder, VideoTransformer transformer, Device device)
{
    private const int Clips = 8;

    /// <summary>Writes a contact sheet, the clips and their captions; returns a line about them.</summary>
    public string Write(long step, string folder)
    {
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        var tokens = new CaptionTokens(2 * Clips, recipe.Text.CaptionTokens);
        var captions = new string[Clips];
        for (int i = 0; i < Clips; i++)
        {
            tokens.TrySet(i, tokenizer, "");
            captions[i] = tokens.Set(Clips + i, tokenizer, source.Captions(Purpose.Validation, i, SampleSeeds.Wording(recipe.Seed, Purpose.Validation, i)));
        }
        var clips = Generate(tokens, Clips);
        string name = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"step-{step:D8}"));
        SampleWriter.Sheet(name + ".png", clips, recipe.World.Frames, recipe.World.Width, recipe.World.Height);
        for (int i = 0; i < clips.Length; i++)
            SampleWriter.Clip(string.Create(CultureInfo.InvariantCulture, $"{name}-{i}.mp4"), clips[i], recipe.World.Frames, recipe.World.Width, recipe.World.Height, recipe.World.FrameRate);
        File.WriteAllLines(name + ".txt", captions);
        return string.Create(CultureInfo.InvariantCulture, $"generator: step {step}: {Clips} validation clips in {name}.png");
    }

    private byte[][] Generate(CaptionTokens tokens, int n)
    {
        using var autocast = Autocast.Enter(recipe.Precision == ComputePrecision.Bfloat16 ? DType.BFloat16 : null);
        var mask = tokens.Mask(device);
        var text = encoder.Forward(tokens.Ids(device), mask);

        var config = autoencoder.Config;
        long[] shape = [config.LatentChannels, config.LatentFrames(recipe.World.Frames), recipe.World.Height / config.SpatialCompression, recipe.World.Width / config.SpatialCompression];
        var x = Tensor.Stack([.. Enumerable.Range(0, n).Select(i => Generator.ForSample(recipe.Seed, i).Normal(shape))], 0).To(device);
        x = EulerSampler.Sample((z, sigma) => Guided(z, sigma, text, mask), x, new FlowSchedule(recipe.Generator.Flow.Shift).Sigmas(recipe.Generator.SampleSteps));
        var pixels = autoencoder.Decode(autoencoder.DenormalizeLatents(x));                                      // [B, 3, F, H, W]
        return [.. Enumerable.Range(0, n).Select(i => PixelTensor.ToBytes(pixels.Select(0, i)))];
    }

    private Tensor Guided(Tensor x, double sigma, Tensor text, Tensor mask)
    {
        using var scope = TensorScope.Enter();
        var sigmas = Tensor.Full([text.Size(0)], sigma, DType.Float32, device);
        var (unconditional, conditional) = transformer.Forward(Tensor.Cat([x, x], 0), sigmas, text, mask).Chunk2(0);
        return scope.Keep(unconditional + (conditional - unconditional) * recipe.Generator.SampleGuidance);
    }
}
