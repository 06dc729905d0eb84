using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Systems.StableDiffusion;

// TAESD: a small autoencoder distilled from that of Stable Diffusion, for previews and for decoding in a fraction of the time.
// Source: madebyollin/taesd (MIT). Names follow huggingface/diffusers d035dcd7, models/autoencoders/autoencoder_tiny.py and vae.py:
// numbers in one list of layers, activations and upsamplings counted.
//
// Shapes    B batch  C channels  c latent channels  H,W height, width  h,w latent height, width
public sealed class AutoencoderTiny : Module
{
    private const int Kernel = 3;
    // The decoder saturates latents beyond this.
    private const double LatentLimit = 3;
    private readonly Layer[] _encoder, _decoder;

    public AutoencoderTiny(ParameterPath path, AutoencoderTinyConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        _encoder = EncoderLayers(path["encoder"]["layers"], config);
        _decoder = DecoderLayers(path["decoder"]["layers"], config);
    }

    private delegate Tensor Layer(Tensor x);

    public AutoencoderTinyConfig Config { get; }

    /// <summary>Latents [B, c, h, w], as diffusion sees them, of pictures [B, C, H, W] in [−1, 1].</summary>
    public Tensor Encode(Tensor x)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Run(_encoder, (x + 1) / 2).To(DType.Float32));
    }

    /// <summary>Pictures [B, C, H, W], around [−1, 1] but not clamped, from latents [B, c, h, w] as diffusion sees them.</summary>
    public Tensor Decode(Tensor z)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Run(_decoder, (z / LatentLimit).Tanh() * LatentLimit).To(DType.Float32) * 2 - 1);
    }

    private static Tensor Run(Layer[] layers, Tensor x)
    {
        foreach (var layer in layers) x = layer(x);
        return x;
    }

    private static Layer[] EncoderLayers(ParameterPath path, AutoencoderTinyConfig config)
    {
        var layers = new List<Layer>();
        int width = config.EncoderBlockOutChannels[0];
        for (var level = 0; level < config.NumEncoderBlocks.Count; level++)
        {
            layers.Add(level == 0
                ? new Conv2d(path[0], config.InChannels, width, Kernel, padding: 1).Forward
                : new Conv2d(path[layers.Count], width, width, Kernel, stride: 2, padding: 1, bias: false).Forward);
            for (var i = 0; i < config.NumEncoderBlocks[level]; i++) layers.Add(new Block(path[layers.Count], width).Forward);
        }
        layers.Add(new Conv2d(path[layers.Count], width, config.LatentChannels, Kernel, padding: 1).Forward);
        return [.. layers];
    }

    private static Layer[] DecoderLayers(ParameterPath path, AutoencoderTinyConfig config)
    {
        int width = config.DecoderBlockOutChannels[0], levels = config.NumDecoderBlocks.Count;
        double factor = config.UpsamplingScalingFactor;
        var layers = new List<Layer> { new Conv2d(path[0], config.LatentChannels, width, Kernel, padding: 1).Forward, x => x.Relu() };
        for (var level = 0; level < levels; level++)
        {
            for (var i = 0; i < config.NumDecoderBlocks[level]; i++) layers.Add(new Block(path[layers.Count], width).Forward);
            var last = level == levels - 1;
            if (!last) layers.Add(x => F.InterpolateNearest(x, factor, factor));
            layers.Add(new Conv2d(path[layers.Count], width, last ? config.OutChannels : width, Kernel, padding: 1, bias: last).Forward);
        }
        return [.. layers];
    }

    // relu(x + conv(relu(conv(relu(conv(x))))))
    private sealed class Block : Module
    {
        private readonly Conv2d _conv1, _conv2, _conv3;

        public Block(ParameterPath path, int width) : base(path)
        {
            _conv1 = new Conv2d(path["conv"][0], width, width, Kernel, padding: 1);
            _conv2 = new Conv2d(path["conv"][2], width, width, Kernel, padding: 1);
            _conv3 = new Conv2d(path["conv"][4], width, width, Kernel, padding: 1);
        }

        public Tensor Forward(Tensor x)                                                          // [B, C, H, W]
        {
            using var scope = TensorScope.Enter();
            var h = _conv3.Forward(_conv2.Forward(_conv1.Forward(x).Relu()).Relu());
            return scope.Keep((h + x).Relu());
        }
    }
}
