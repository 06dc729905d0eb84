using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Systems.Clip;

namespace Kinora.Models.Systems.Siglip;

// Both encoders of SigLIP and the similarity between pictures and texts.
// Paper: Zhai et al., arXiv:2303.15343, section 3.2: a pair's logit is t · cosine + b, each pair judged by itself.
// Parameter names follow huggingface/transformers d6751d91, models/siglip/modeling_siglip.py (SiglipModel).
//
// Shapes    N texts  M pictures  K tokens  P width of the shared space
// Numerics  as ClipTransformer; embeddings are scaled to unit length in float32.
public sealed class SiglipModel : Module
{
    private const double InitialScale = 2.302585092994046; // ln 10
    private const double InitialBias = -10;
    private readonly SiglipTextTransformer _textModel;
    private readonly SiglipVisionTransformer _visionModel;
    private readonly Tensor _logitScale, _logitBias;

    public SiglipModel(ParameterPath path, SiglipConfig config) : base(path)
    {
        if (!config.VisionConfig.VisionUseHead)
            throw new ConfigException("SigLIP config: the similarity model needs the image encoder's head (`vision_use_head`).");
        _logitScale = path.Create("logit_scale", [1], Init.Constant(InitialScale));
        _logitBias = path.Create("logit_bias", [1], Init.Constant(InitialBias));
        _textModel = new SiglipTextTransformer(path["text_model"], config.TextConfig);
        _visionModel = new SiglipVisionTransformer(path["vision_model"], config.VisionConfig);
    }

    /// <summary>Similarity of every picture with every text.</summary>
    /// <param name="ids">Token ids padded to the longest prompt, int64 [N, K].</param>
    /// <param name="pixels">Normalized pixels, [M, C, image_size, image_size].</param>
    public ClipOutput Forward(Tensor ids, Tensor pixels)
    {
        using var scope = TensorScope.Enter();
        Tensor image = ImageEmbeds(pixels), text = TextEmbeds(ids);
        var logits = image.Matmul(text.Transpose(0, 1)) * _logitScale.Exp() + _logitBias;        // [M, N]
        scope.Keep(logits, image, text);
        return new ClipOutput(logits, image, text);
    }

    /// <summary>Unit vectors of pictures, [M, P].</summary>
    public Tensor ImageEmbeds(Tensor pixels)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Unit(_visionModel.Forward(pixels).Pooled!));
    }

    /// <summary>Unit vectors of texts padded to the longest prompt, [N, P].</summary>
    public Tensor TextEmbeds(Tensor ids)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Unit(_textModel.Forward(ids).Pooled!));
    }

    /// <summary>Loads a model folder: <c>config.json</c> and its weights.</summary>
    public static SiglipModel Load(string folder, DType dtype = DType.Float32, Device? device = null)
    {
        var config = ModelConfigJson.ReadFile(System.IO.Path.Combine(folder, "config.json"), SiglipJson.Default.SiglipConfig);
        return Checkpoint.Load(folder, p => new SiglipModel(p, config), dtype, device, isOmitted: ClipModel.IsBuffer);
    }

    private static Tensor Unit(Tensor x)
    {
        using var scope = TensorScope.Enter();
        x = x.To(DType.Float32);
        return scope.Keep(x / x.Norm(2, [-1], keepDim: true));
    }
}
