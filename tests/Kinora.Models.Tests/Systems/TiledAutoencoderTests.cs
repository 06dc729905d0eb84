using Kinora.Engine;
using Kinora.Models.Modules;
using Kinora.Models.Systems.CogVideoX;
using Kinora.Models.Systems.Ltx;
using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models.Systems.StableVideoDiffusion;
using Kinora.Models.Systems.Wan;
using Kinora.Models.Tests.Systems.Ltx;
using Kinora.Models.Tests.Systems.Wan;

namespace Kinora.Models.Tests.Systems;

/// <summary>Autoencoders that work in tiles, against the same autoencoders on the whole, on smooth latents: at most 1/255 of the range apart on the mean.</summary>
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

    [Theory]
    [InlineData(2, 80)]
    [InlineData(21, 3)]
    public void Ltx_DecodeInTilesAndStretches_IsNearlyTheWhole(int latentFrames, int latentWidth)
    {
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        LtxAutoencoderConfig config = TinyLtx.Autoencoder with { DecoderInjectNoise = [false, false, false], TimestepConditioning = false };
        var network = new LtxAutoencoder(ParameterPath.Root(new InitializedParameters(3)), config);
        var z = Smooth(1, 4, latentFrames, 4, latentWidth);
        NearlyTheWhole(use => network.DecodeInParts(z, tiled: false, use), use => network.DecodeInParts(z, tiled: true, use));
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

    [Theory]
    [InlineData(10, 4, 3)]
    [InlineData(10, 10, 5)]
    [InlineData(11, 4, 4)]
    [InlineData(9, 4, 1)]
    public void Join_OfTilesThatWereOnlyCut_IsThePicture(int size, int tile, int stride)
    {
        using var scope = TensorScope.Enter();
        var picture = Tensor.Randn([1, 2, size, size + 3]);
        var tiling = PictureTiling.Of(size, size + 3, (tile, tile), (stride, stride));
        var joined = tiling.Join([.. tiling.Tiles.Select(t => PictureTiling.Cut(picture, t).Clone())], 1);
        joined.Shape.ShouldBe(picture.Shape);
        (joined - picture).Abs().Max().Item().ShouldBeLessThan(1e-5);
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

    private static void NearlyTheWhole(Action<Action<Tensor>> whole, Action<Action<Tensor>> tiles) => Differ(Gather(tiles), Gather(whole));

    private static void Differ(Tensor tiles, Tensor whole)
    {
        tiles.Shape.ShouldBe(whole.Shape);
        double range = (whole.Max() - whole.Min()).Item(), mean = (tiles - whole).Abs().Mean().Item();
        mean.ShouldBeLessThanOrEqualTo(Math.Min(range, 2) / 255, $"of a range of {range}");
        mean.ShouldBeGreaterThan(0, "nothing was tiled");
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
