// A picture tokenizer: latents of an autoencoder, each replaced by the nearest code of a book.
// Papers: van den Oord et al., "Neural discrete representation learning", arXiv:1711.00937, section 3; Esser et al., "Taming transformers",
//   arXiv:2012.09841, section 3.1. Names follow huggingface/diffusers d035dcd7, models/autoencoders/vq_model.py and vae.py (VectorQuantizer).
//
// Shapes    B batch  C channels  c latent channels  e numbers in a code  N codes  H,W height, width  h,w latent height, width
// Numerics  as AutoencoderKl; distances to codes are float32 and never multiplied out, so that near ties fall as they should.

using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Models.Systems.VqModel;

/// <summary>What quantizing makes of latents.</summary>
/// <param name="Codes">The nearest codes in their places, [B, e, h, w].</param>
/// <param name="Indices">Their numbers, int64 [B·h·w], row by row.</param>
/// <param name="Loss">(1 + β) · mean squared distance to the codes, β = ¼.</param>
/// <param name="Margin">The smallest gap between the squared distances to the nearest code and the next.</param>
public sealed record Quantized(Tensor Codes, Tensor Indices, Tensor Loss, Tensor Margin);

/// <summary>The network.</summary>
public sealed class VqModel : Module
{
    private const double Commitment = 0.25;

    private readonly AutoencoderKl.Encoder _encoder;
    private readonly AutoencoderKl.Decoder _decoder;
    private readonly Conv2d _quantConv, _postQuantConv;
    private readonly Tensor _codebook;

    public VqModel(ParameterPath path, VqModelConfig config) : base(path)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        Config = config;
        AutoencoderKlConfig networks = config.Networks;
        _encoder = new AutoencoderKl.Encoder(path["encoder"], networks, config.LatentChannels);
        _decoder = new AutoencoderKl.Decoder(path["decoder"], networks);
        _quantConv = new Conv2d(path["quant_conv"], config.LatentChannels, config.CodeDim, 1);
        _codebook = path["quantize"]["embedding"].Create("weight", [config.NumVqEmbeddings, config.CodeDim], Init.Normal(1.0 / config.NumVqEmbeddings));
        _postQuantConv = new Conv2d(path["post_quant_conv"], config.CodeDim, config.LatentChannels, 1);
    }

    public VqModelConfig Config { get; }

    /// <summary>Latents [B, e, h, w] of pictures [B, C, H, W] in [−1, 1], not quantized.</summary>
    public Tensor Encode(Tensor x)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(_quantConv.Forward(_encoder.Forward(x)).To(DType.Float32).Contiguous());
    }

    /// <summary>The nearest codes of latents [B, e, h, w].</summary>
    public Quantized Quantize(Tensor latents)
    {
        ArgumentNullException.ThrowIfNull(latents);
        using var scope = TensorScope.Enter();
        var (b, e, h, w) = latents.Dims4();
        Tensor rows = latents.Permute(0, 2, 3, 1).Reshape(-1, 1, e), book = _codebook.To(DType.Float32);
        Tensor squared = (rows - book.Unsqueeze(0)).Square().Sum([2]);                               // [B·h·w, N]
        Tensor indices = squared.Argmin(1);
        Tensor codes = F.Embedding(indices, book).View(b, h, w, e).Permute(0, 3, 1, 2).Contiguous();
        Tensor loss = (codes - latents).Square().Mean() * (1 + Commitment);
        Tensor nearest = squared.Topk(2, 1, largest: false).Values;
        Tensor margin = (nearest.Select(1, 1) - nearest.Select(1, 0)).Amin([0], keepDim: true);
        scope.Keep(codes, indices, loss, margin);
        return new Quantized(codes, indices, loss, margin);
    }

    /// <summary>Pictures [B, C, H, W] of codes or latents [B, e, h, w].</summary>
    public Tensor Decode(Tensor codes)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(_decoder.Forward(_postQuantConv.Forward(codes)).To(DType.Float32).Contiguous());
    }
}
