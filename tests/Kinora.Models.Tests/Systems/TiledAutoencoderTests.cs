using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Models.Modules;
using Kinora.Models.Systems.CogVideoX;
using Kinora.Models.Systems.Ltx;
using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models.Systems.StableVideoDiffusion;
using Kinora.Models.Systems.Wan;
using Kinora.Models.Tests.Systems.Ltx;
using Kinora.Models.Tests.Systems.Wan;

namespace Kinora.Models.Tests.Systems;

/// <summary>Autoencoders that work strip by strip or part by part, against the same autoencoders on the whole: the same on noise and on waves of any length.</summary>
public sealed class TiledAutoencoderTests
{
    // Strips are exact: noise, waves shorter and longer than any part, for every part of a clip.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Wan_InStrips_IsTheWhole(bool residual)
    {
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        var network = new WanAutoencoder(ParameterPath.Root(new InitializedParameters(3)), residual ? TinyWan.ResidualAutoencoder : TinyWan.Autoencoder);
        foreach (var z in new[] { Tensor.Randn([2, 4, 3, 11, 6]), Smooth(1, 4, 3, 11, 6, 8), Smooth(1, 4, 3, 11, 6, 40) })
        {
            Tensor whole = network.Decode(z);
            Same(Gather(use => network.DecodeInParts(z, 1, use, positions: 1)), whole);
            Same(network.EncodeMoments(whole, 1, positions: 1), network.EncodeMoments(whole));
        }
        network.Path.Store.Dispose();
    }

    // The decoder sees later frames: parts answer late, and together they are the clip, injected noise included.
    [Theory]
    [InlineData(false, 1, false)]
    [InlineData(false, 3, true)]
    [InlineData(true, 2, false)]
    public void Ltx_InParts_IsTheWhole(bool causal, int latentFramesPerPart, bool timed)
    {
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        var network = new LtxAutoencoder(ParameterPath.Root(new InitializedParameters(3)), TinyLtx.Autoencoder with { DecoderCausal = causal, TimestepConditioning = timed });
        foreach (var parameter in network.Parameters().Where(p => p.Name.Contains("per_channel_scale", StringComparison.Ordinal))) parameter.Value.AddInPlace(0.5);
        var level = timed ? Tensor.Full([2], 0.05) : null;
        foreach (int frames in new[] { 1, 2, 12 })
        foreach (var z in new[] { Tensor.Randn([2, 4, frames, 3, 2]), Smooth(2, 4, frames, 3, 2) })
        {
            Same(Gather(use => network.DecodeInParts(z, use, level, new Generator(5), latentFramesPerPart)), network.Decode(z, level, new Generator(5)));
        }
        network.Path.Store.Dispose();
    }

    [Theory]
    [InlineData(new[] { 32, 32 })]
    [InlineData(new[] { 32, 64, 64 })]
    public void StableVideoDiffusion_InStrips_IsTheWhole(int[] widths)
    {
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        var config = new TemporalAutoencoderConfig { BlockOutChannels = widths, LayersPerBlock = 1, DownBlockTypes = [.. widths.Select(_ => "DownEncoderBlock2D")] };
        var network = new TemporalAutoencoder(ParameterPath.Root(new InitializedParameters(3)), config);
        foreach (var z in new[] { Tensor.Randn([6, 4, 13, 9]), Frames(8), Frames(40) })
        {
            Tensor whole = network.Decode(z, 3);
            Same(network.Decode(z, 3, positions: 1), whole);
            Same(network.EncodeMoments(whole, positions: 1), network.EncodeMoments(whole));
        }
        network.Path.Store.Dispose();

        static Tensor Frames(double length) => Smooth(1, 4, 6, 13, 9, length).Select(0, 0).Transpose(0, 1).Contiguous(); // [F, C, h, w]
    }

    // Group norms see all frames of a part, and the decoder's are spread by the latents under a row.
    [Theory]
    [InlineData(new[] { 8, 16, 16, 32 })]
    [InlineData(new[] { 8, 8, 8, 8 })]
    public void CogVideoX_InStrips_IsTheWhole(int[] widths)
    {
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        var config = CogVideoXAutoencoderConfig.TwoB with { BlockOutChannels = widths, LayersPerBlock = 1, LatentChannels = 4, NormNumGroups = 2 };
        var network = new CogVideoXAutoencoder(ParameterPath.Root(new InitializedParameters(3)), config);
        foreach (var z in new[] { Tensor.Randn([2, 4, 5, 5, 3]), Smooth(1, 4, 4, 5, 3, 4), Smooth(1, 4, 4, 5, 3, 40) })
        {
            Tensor whole = network.Decode(z);
            Same(Gather(use => network.DecodeInParts(z, use, positions: 1)), whole);
            Same(network.EncodeMoments(whole, positions: 1), network.EncodeMoments(whole));
        }
        network.Path.Store.Dispose();
    }

    // Strips are exact: whatever the picture holds, and for every width and number of levels.
    [Theory]
    [InlineData(new[] { 8, 16, 16 }, 2, 23)]
    [InlineData(new[] { 16, 8 }, 1, 40)]
    [InlineData(new[] { 8 }, 1, 40)]
    public void StableDiffusion_InStrips_IsTheWhole(int[] widths, int layers, int side)
    {
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        var config = new AutoencoderKlConfig
        {
            BlockOutChannels = widths, LayersPerBlock = layers, NormNumGroups = 4, DownBlockTypes = [.. widths.Select(_ => "DownEncoderBlock2D")], UpBlockTypes = [.. widths.Select(_ => "UpDecoderBlock2D")],
        };
        var network = new AutoencoderKl(ParameterPath.Root(new InitializedParameters(3)), config);
        Tensor z = Tensor.Randn([2, 4, side, side + 2]), whole = network.Decode(z), strips = network.DecodeInStrips(z, positions: 1);
        strips.Shape.ShouldBe(whole.Shape);
        (strips - whole).Abs().Max().Item().ShouldBeInRange(double.Epsilon, 1e-4 * (whole.Max() - whole.Min()).Item());
        Tensor x = whole.Clamp(-1, 1), moments = network.EncodeMoments(x), striped = network.EncodeInStrips(x, positions: 1);
        striped.Shape.ShouldBe(moments.Shape);
        (striped - moments).Abs().Max().Item().ShouldBeInRange(double.Epsilon, 1e-4 * (moments.Max() - moments.Min()).Item());
        network.Path.Store.Dispose();
    }

    [Fact]
    public void PeakMemory_InStripsOrParts_Falls()
    {
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        ParameterPath Root() => ParameterPath.Root(new InitializedParameters(3));
        const long Strip = 1 << 11;

        var wan = new WanAutoencoder(Root(), TinyWan.Autoencoder with { BaseDim = 16, TemperalDownsample = [true, true], ScaleFactorTemporal = 4 });
        var z = Tensor.Randn([1, 4, 2, 32, 32]);
        Falls(() => wan.DecodeInParts(z, 1, _ => { }, FeatureRows.Whole), () => wan.DecodeInParts(z, 1, _ => { }, Strip));

        var ltx = new LtxAutoencoder(Root(), TinyLtx.Autoencoder with { DecoderInjectNoise = [false, false, false], TimestepConditioning = false });
        var clip = Tensor.Randn([1, 4, 16, 8, 8]);
        Falls(() => ltx.DecodeInParts(clip, _ => { }, latentFramesPerPart: 16), () => ltx.DecodeInParts(clip, _ => { }, latentFramesPerPart: 1));

        var cogVideoX = new CogVideoXAutoencoder(Root(), CogVideoXAutoencoderConfig.TwoB with { BlockOutChannels = [16, 16, 16, 16], LayersPerBlock = 1, LatentChannels = 4, NormNumGroups = 2 });
        var latents = Tensor.Randn([1, 4, 2, 16, 16]);
        Falls(() => cogVideoX.DecodeInParts(latents, _ => { }, FeatureRows.Whole), () => cogVideoX.DecodeInParts(latents, _ => { }, Strip));

        var svd = new TemporalAutoencoder(Root(), new TemporalAutoencoderConfig { BlockOutChannels = [32, 32], LayersPerBlock = 1, DownBlockTypes = ["DownEncoderBlock2D", "DownEncoderBlock2D"] });
        var frames = Tensor.Randn([2, 4, 48, 48]);
        Falls(() => svd.Decode(frames, 2, FeatureRows.Whole), () => svd.Decode(frames, 2, Strip));

        var pictures = new AutoencoderKl(Root(), new AutoencoderKlConfig { BlockOutChannels = [16, 16], LayersPerBlock = 1, NormNumGroups = 4, DownBlockTypes = ["DownEncoderBlock2D", "DownEncoderBlock2D"], UpBlockTypes = ["UpDecoderBlock2D", "UpDecoderBlock2D"] });
        var picture = Tensor.Randn([1, 4, 64, 64]);
        Falls(() => pictures.Decode(picture), () => pictures.DecodeInStrips(picture, Strip));
        foreach (Module network in new Module[] { wan, ltx, cogVideoX, svd, pictures }) network.Path.Store.Dispose();
    }

    private static void Falls(Action whole, Action parts) => Peak(parts).ShouldBeLessThan((long)(0.75 * Peak(whole)));

    private static long Peak(Action action)
    {
        using var scope = TensorScope.Enter();
        EngineRuntime.ResetPeakHostMemory();
        long before = EngineRuntime.HostMemory.LiveBytes;
        action();
        return EngineRuntime.HostMemory.PeakBytes - before;
    }

    // Waves of a length in latents.
    private static Tensor Smooth(int batch, int channels, int frames, int height, int width, double length = 16)
    {
        var values = new float[batch * channels * frames * height * width];
        for (int i = 0; i < values.Length; i++)
        {
            int x = i % width, y = i / width % height, f = i / width / height % frames, c = i / width / height / frames % channels;
            values[i] = (float)(0.3 * (Math.Sin(Math.Tau / length * x + 0.6 * c) + Math.Cos(0.07 * y - 0.02 * f + c)));
        }
        return Tensor.FromArray<float>(values, batch, channels, frames, height, width);
    }

    private static void Same(Tensor strips, Tensor whole)
    {
        strips.Shape.ShouldBe(whole.Shape);
        double range = (whole.Max() - whole.Min()).Item();
        (strips - whole).Abs().Max().Item().ShouldBeLessThanOrEqualTo(1e-4 * range, $"of a range of {range}");
    }

    private static Tensor Gather(Action<Action<Tensor>> decode)
    {
        var parts = new List<Tensor>();
        decode(part => parts.Add(part.Clone().Own()));
        var clip = parts[0].Dim == 5 ? Tensor.Cat([.. parts], 2) : parts[0].Alias();
        foreach (var part in parts) part.Dispose();
        return clip;
    }
}
