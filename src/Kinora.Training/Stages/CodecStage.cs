// Stage 1: the causal video autoencoder learns to reproduce clips. The world renders them as they are needed and shows none twice.
// It may have a second part, codec_clips: short windows of many clips teach most, but a window never shows a latent frame with more
// history than itself has; whole clips at the end teach that.

using System.Globalization;
using Kinora.Engine;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Training.Data;
using Kinora.Training.Loop;
using Kinora.Training.Recipes;

namespace Kinora.Training.Stages;

internal sealed class CodecStage : ITrainingStage
{
    public const string StageName = "codec", WholeClipsName = "codec_clips";
    private const int SampleClips = 4;
    private readonly Recipe _recipe;
    private readonly IClipSource _source;
    private readonly BatchShare _share;
    private readonly Device _device;
    private readonly ParameterPath _root;
    private readonly VideoAutoencoderObjective _objective;
    private readonly int _frames, _clipFrames;
    private OrderedStream<byte[]>? _clips;

    public CodecStage(Recipe recipe, IClipSource source, BatchShare share, Device device, bool wholeClips = false)
    {
        (_recipe, _source, _share, _device) = (recipe, source, share, device);
        Name = wholeClips ? WholeClipsName : StageName;
        _clipFrames = recipe.World.Frames;
        _frames = recipe.Codec.Frames > 0 && !wholeClips ? recipe.Codec.Frames : _clipFrames;
        _objective = recipe.Codec.Loss.ToObjective();
        _root = ParameterPath.Root(new InitializedParameters(recipe.Seed), DType.Float32, device);
        Autoencoder = new VideoAutoencoder(_root, recipe.Codec.Network.ToConfig());
        Parameters = [.. Autoencoder.Parameters()];
    }

    public VideoAutoencoder Autoencoder { get; }

    public string Name { get; }

    public IReadOnlyList<(string Name, Tensor Value)> Parameters { get; }

    public IReadOnlyList<string> Metrics { get; } = ["loss", "l1", "gradient", "kl", "mse"];

    // The backward pass costs twice the forward pass.
    public double GigaflopsPerSample => 3e-9 * (VideoAutoencoder.EncodeFlops(Autoencoder.Config, _frames, _recipe.World.Height, _recipe.World.Width)
        + VideoAutoencoder.DecodeFlops(Autoencoder.Config, _frames, _recipe.World.Height, _recipe.World.Width));

    private int FrameBytes => _recipe.World.Height * _recipe.World.Width * 3;

    private int ClipBytes => _clipFrames * FrameBytes;

    public void Start(long firstStep)
    {
        int parts = _share.Parts;
        _clips?.Dispose();
        _clips = new OrderedStream<byte[]>(firstStep * parts, number => Render(_share.First(number / parts, (int)(number % parts))));
    }

    public (Tensor Loss, Tensor[] Metrics) Loss(long step, int part)
    {
        byte[] pixels = _clips!.Take();
        using var scope = TensorScope.Enter();
        var x = PixelTensor.ToModel(pixels, _share.PartSize, _frames, _recipe.World.Height, _recipe.World.Width, _device);
        var loss = _objective.Loss(Autoencoder, x, Noise(_share.First(step, part)));
        scope.Keep(loss.Total);
        return (loss.Total, scope.Keep(loss.Total.Detach(), loss.L1.Detach(), loss.Gradient.Detach(), loss.Kl.Detach(), loss.MeanSquare.Detach()));
    }

    public string? Sample(long step, string folder)
    {
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        var pixels = new byte[SampleClips * ClipBytes];
        for (int i = 0; i < SampleClips; i++)
            _source.Render(Purpose.Validation, i, pixels.AsSpan(i * ClipBytes, ClipBytes));
        var x = PixelTensor.ToModel(pixels, SampleClips, _clipFrames, _recipe.World.Height, _recipe.World.Width, _device);
        Tensor reconstruction;
        using (Autocast.Enter(_recipe.Precision == ComputePrecision.Bfloat16 ? DType.BFloat16 : null))
            reconstruction = Autoencoder.Decode(Autoencoder.Encode(x).Mean);
        double meanSquare = (reconstruction.Clamp(-1, 1) - x).Square().Mean().Item();
        double psnr = 10 * Math.Log10(4 / meanSquare);

        var rows = new List<byte[]>();
        for (int i = 0; i < SampleClips; i++)
        {
            rows.Add(pixels.AsSpan(i * ClipBytes, ClipBytes).ToArray());
            rows.Add(PixelTensor.ToBytes(reconstruction.Select(0, i)));
        }
        SampleWriter.Sheet(Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"step-{step:D8}.png")), rows, _clipFrames, _recipe.World.Width, _recipe.World.Height);
        return string.Create(CultureInfo.InvariantCulture, $"codec: step {step}: {psnr:F2} dB on unseen clips");
    }

    public void Dispose()
    {
        _clips?.Dispose();
        _root.Store.Dispose();
    }

    // A window of every clip, its start drawn with the clip.
    private byte[] Render(long firstSample)
    {
        int window = _frames * FrameBytes;
        var pixels = new byte[_share.PartSize * window];
        var clip = new byte[ClipBytes];
        for (int i = 0; i < _share.PartSize; i++)
        {
            _source.Render(Purpose.CodecScene, firstSample + i, clip);
            int start = (int)(SampleSeeds.Seed(_recipe.Seed, Purpose.CodecScene, firstSample + i) % (ulong)(_clipFrames - _frames + 1));
            clip.AsSpan(start * FrameBytes, window).CopyTo(pixels.AsSpan(i * window, window));
        }
        return pixels;
    }

    private Tensor Noise(long firstSample)
    {
        var config = Autoencoder.Config;
        var world = _recipe.World;
        var noise = Tensor.Empty([_share.PartSize, config.LatentChannels, config.LatentFrames(_frames), world.Height / config.SpatialCompression, world.Width / config.SpatialCompression]);
        var values = noise.AsSpan<float>();
        int each = values.Length / _share.PartSize;
        for (int i = 0; i < _share.PartSize; i++)
            SampleSeeds.For(_recipe.Seed, Purpose.CodecNoise, firstSample + i).FillNormal(values.Slice(i * each, each));
        return noise.To(_device);
    }
}
