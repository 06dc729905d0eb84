// Published networks at their real sizes with random weights: what a step or a decoded frame costs, without the weights themselves.

using Kinora.Engine;
using Kinora.Models.Modules;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models.Systems.T5;
using Kinora.Models.Systems.Wan;

namespace Kinora.Evaluation.Speed;

/// <summary>Cases of the public systems' networks; weights are stored in the type that is computed in.</summary>
public static class NetworkCases
{
    private const int WanTextTokens = 512, WanDecodedFrames = 2, WanRows = 15, WanColumns = 26;

    /// <summary>All of them.</summary>
    public static IReadOnlyList<SpeedCase> All { get; } =
    [
        .. Types().SelectMany(t => new[] { StableDiffusionStep(t), StableDiffusionDecode(t) }),
        .. Types().SelectMany(t => new[] { WanBlock(t, 5, 12, 26), WanBlock(t, 4, 32, 32) }),
        .. Types().Select(WanDecode),
        .. VideoUNetCases.All,
        .. Types().SelectMany(t => new[] { ClipText(t), T5(t) }),
        .. MetricCases.All,
    ];

    private static DType[] Types() => [DType.Float32, DType.BFloat16];

    private static SpeedCase WanBlock(DType dtype, int frames, int rows, int columns)
    {
        WanTransformerConfig config = WanTransformerConfig.TextToVideo1B;
        int tokens = frames * rows * columns, width = config.HiddenSize;
        return new($"Wan-1.3B block, {tokens} tokens {dtype.ShortName()}", SpeedUnit.Milliseconds, device =>
        {
            using var scope = TensorScope.Enter();
            ParameterPath root = ParameterPath.Root(new InitializedParameters(1), dtype, device);
            var block = new WanBlock(root["blocks"][0], config);
            var (cos, sin) = new Rope3D(config.AttentionHeadDim, 10_000).Angles(frames, rows, columns, device);
            Tensor x = Tensor.Randn([1, tokens, width], device: device).Own(), modulation = Tensor.Randn([1, 6, width], device: device).Own();
            Tensor text = Tensor.Randn([1, WanTextTokens, width], device: device).To(dtype).Own();
            Tensor allCos = cos.Repeat(1, config.NumAttentionHeads).Own(), allSin = sin.Repeat(1, config.NumAttentionHeads).Own();
            return new NetworkSubject(root, [("x", x), ("modulation", modulation), ("text", text), ("cos", allCos), ("sin", allSin)], () =>
            {
                using var noGrad = GradMode.NoGrad();
                using var half = Autocast.Enter(dtype);
                return block.Forward(x, modulation, text, null, allCos, allSin);
            });
        })
        { Folder = $"wan-block-{tokens}", Flops = Models.Systems.Wan.WanBlock.Flops(config, tokens, WanTextTokens), Precision = dtype };
    }

    private static SpeedCase WanDecode(DType dtype) => new($"Wan 2.1 VAE decode, {WanDecodedFrames} latent frames of {WanColumns}×{WanRows} {dtype.ShortName()}", SpeedUnit.Milliseconds, device =>
    {
        using var scope = TensorScope.Enter();
        ParameterPath root = ParameterPath.Root(new InitializedParameters(1), dtype, device);
        var network = new WanAutoencoder(root, WanAutoencoderConfig.Wan21);
        Tensor latents = Tensor.Randn([1, network.Config.ZDim, WanDecodedFrames, WanRows, WanColumns], device: device).Own();
        return new NetworkSubject(root, [("latents", latents)], () =>
        {
            using var noGrad = GradMode.NoGrad();
            using var half = Autocast.Enter(dtype);
            return network.Decode(latents);
        });
    })
    { Folder = "wan-vae-decode", Flops = WanAutoencoder.DecodeFlops(WanAutoencoderConfig.Wan21, WanDecodedFrames, WanRows, WanColumns), Precision = dtype };

    // What a prompt with its negative prompt costs in Stable Diffusion 1.5.
    private static SpeedCase ClipText(DType dtype)
    {
        const int Prompts = 2;
        var config = new ClipTextConfig { HiddenSize = 768, IntermediateSize = 3072, ProjectionDim = 768, NumAttentionHeads = 12 };
        int tokens = config.MaxPositionEmbeddings;
        return new($"CLIP L text encoder, {Prompts} prompts of {tokens} tokens {dtype.ShortName()}", SpeedUnit.Milliseconds, device =>
        {
            using var scope = TensorScope.Enter();
            ParameterPath root = ParameterPath.Root(new InitializedParameters(1), dtype, device);
            var network = new ClipTextModel(root, config);
            Tensor ids = Tensor.FromArray([.. Enumerable.Range(0, Prompts * tokens).Select(i => (long)(i % tokens == tokens - 1 ? config.EosTokenId : i * 37 % 40_000))], Prompts, tokens).To(device).Own();
            return new SpeedSubject(() =>
            {
                using var noGrad = GradMode.NoGrad();
                return network.Forward(ids).LastHiddenState;
            }, () => Free(root, ids));
        })
        { Flops = Prompts * ClipTransformer.Flops(config.NumHiddenLayers, tokens, config.HiddenSize, config.IntermediateSize), Precision = dtype };
    }

    // A twelfth of the encoder of LTX-Video and CogVideoX, whose layers have the sizes of Wan's umT5: they are alike, and random weights of all would take 19 GB.
    private static SpeedCase T5(DType dtype)
    {
        const int Layers = 2, AllLayers = 24, Vocabulary = 1024;
        var config = new T5Config
        {
            VocabSize = Vocabulary, DModel = 4096, DKv = 64, DFf = 10240, NumLayers = Layers, NumHeads = 64, FeedForwardProj = "gated-gelu",
        };
        return new($"T5-XXL encoder, {Layers} of {AllLayers} layers, {WanTextTokens} tokens {dtype.ShortName()}", SpeedUnit.Milliseconds, device =>
        {
            using var scope = TensorScope.Enter();
            ParameterPath root = ParameterPath.Root(new InitializedParameters(1), dtype, device);
            var network = new T5EncoderModel(root, config);
            Tensor ids = Tensor.FromArray([.. Enumerable.Range(0, WanTextTokens).Select(i => (long)(i * 37 % Vocabulary))], 1, WanTextTokens).To(device).Own();
            return new SpeedSubject(() =>
            {
                using var noGrad = GradMode.NoGrad();
                return network.Forward(ids);
            }, () => Free(root, ids));
        })
        { Flops = T5EncoderModel.Flops(config, WanTextTokens), Precision = dtype };
    }

    private static void Free(ParameterPath root, Tensor input)
    {
        input.Dispose();
        root.Store.Dispose();
    }

    private static SpeedCase StableDiffusionStep(DType dtype)
    {
        const int Side = 64, TextTokens = 77;
        UNet2DConditionConfig config = UNet2DConditionConfig.StableDiffusion15;
        return new($"SD 1.5 U-Net, 2 samples of {Side}×{Side} latents {dtype.ShortName()}", SpeedUnit.Milliseconds, device =>
        {
            using var scope = TensorScope.Enter();
            ParameterPath root = ParameterPath.Root(new InitializedParameters(1), dtype, device);
            var network = new UNet2DCondition(root, config);
            Tensor latents = Tensor.Randn([2, config.InChannels, Side, Side], device: device).Own(), text = Tensor.Randn([2, TextTokens, config.CrossAttentionDim[0]], device: device).Own();
            Tensor timestep = Tensor.Full([1], 500, device: device).Own();
            return new NetworkSubject(root, [("latents", latents), ("timestep", timestep), ("text", text)], () =>
            {
                using var noGrad = GradMode.NoGrad();
                return network.Forward(latents, timestep, text);
            });
        })
        { Folder = "sd15-unet", Flops = 2 * UNet2DCondition.Flops(config, Side, Side, TextTokens), Precision = dtype };
    }

    private static SpeedCase StableDiffusionDecode(DType dtype)
    {
        const int Side = 512;
        AutoencoderKlConfig config = AutoencoderKlConfig.StableDiffusion;
        return new($"SD VAE decode, {Side}×{Side} {dtype.ShortName()}", SpeedUnit.Milliseconds, device =>
        {
            using var scope = TensorScope.Enter();
            ParameterPath root = ParameterPath.Root(new InitializedParameters(1), dtype, device);
            var network = new AutoencoderKl(root, config);
            Tensor latents = Tensor.Randn([1, config.LatentChannels, Side / config.SpatialCompression, Side / config.SpatialCompression], device: device).Own();
            return new NetworkSubject(root, [("latents", latents)], () =>
            {
                using var noGrad = GradMode.NoGrad();
                return network.Decode(latents);
            });
        })
        { Folder = "sd-vae-decode", Flops = AutoencoderKl.DecodeFlops(config, Side, Side), Precision = dtype };
    }
}
