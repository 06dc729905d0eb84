using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;

namespace Kinora.Models.Systems.Clip;

// Both encoders of CLIP and the similarity between pictures and texts.
// Paper: Radford et al., arXiv:2103.00020, section 2.3 and figure 3.
// Parameter names follow huggingface/transformers d6751d91, models/clip/modeling_clip.py (CLIPModel).
//
// Shapes    N texts  M pictures  K tokens  P width of the shared space
// Numerics  as ClipTransformer; embeddings are scaled to unit length.

/// <summary>Similarities and unit embeddings.</summary>
/// <param name="LogitsPerImage">exp(logit_scale) · cosine, [M, N].</param>
/// <param name="ImageEmbeds">Unit vectors, [M, P].</param>
/// <param name="TextEmbeds">Unit vectors, [N, P].</param>
public sealed record ClipOutput(Tensor LogitsPerImage, Tensor ImageEmbeds, Tensor TextEmbeds);

/// <summary>CLIP.</summary>
public sealed class ClipModel : Module
{
    private readonly Tensor _logitScale;
    private readonly ClipTextTransformer _textModel;
    private readonly ClipVisionTransformer _visionModel;
    private readonly Linear _visualProjection, _textProjection;

    public ClipModel(ParameterPath path, ClipConfig config) : base(path)
    {
        _logitScale = path.Create("logit_scale", [], Init.Constant(config.LogitScaleInitValue));
        _textModel = new ClipTextTransformer(path["text_model"], config.TextConfig);
        _visionModel = new ClipVisionTransformer(path["vision_model"], config.VisionConfig);
        _visualProjection = new Linear(path["visual_projection"], config.VisionConfig.HiddenSize, config.ProjectionDim, bias: false);
        _textProjection = new Linear(path["text_projection"], config.TextConfig.HiddenSize, config.ProjectionDim, bias: false);
    }

    /// <summary>Similarity of every picture with every text.</summary>
    /// <param name="ids">Token ids, int64 [N, K].</param>
    /// <param name="pixels">Normalized pixels, [M, C, image_size, image_size].</param>
    public ClipOutput Forward(Tensor ids, Tensor pixels)
    {
        using var scope = TensorScope.Enter();
        Tensor image = ImageEmbeds(pixels), text = TextEmbeds(ids);
        var logits = image.Matmul(text.Transpose(0, 1)) * _logitScale.Exp();                     // [M, N]
        scope.Keep(logits, image, text);
        return new ClipOutput(logits, image, text);
    }

    /// <summary>Unit vectors of pictures, [M, P].</summary>
    public Tensor ImageEmbeds(Tensor pixels)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Unit(_visualProjection.Forward(_visionModel.Forward(pixels).Pooled)));
    }

    /// <summary>Unit vectors of texts, [N, P].</summary>
    public Tensor TextEmbeds(Tensor ids)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Unit(_textProjection.Forward(_textModel.Forward(ids).Pooled)));
    }

    /// <summary>Loads a model folder: <c>config.json</c> and its weights.</summary>
    public static ClipModel Load(string folder, DType dtype = DType.Float32, Device? device = null)
    {
        var file = System.IO.Path.Combine(folder, "config.json");
        var config = ClipConfig.Read(File.ReadAllBytes(file), file);
        return Checkpoint.Load(folder, p => new ClipModel(p, config), dtype, device, isOmitted: IsBuffer);
    }

    /// <summary>Whether a tensor of a checkpoint is a list of positions 0, 1, 2, …, which older releases stored beside the parameters.</summary>
    public static bool IsBuffer(string name) => name.EndsWith("embeddings.position_ids", StringComparison.Ordinal);

    private static Tensor Unit(Tensor x)
    {
        using var scope = TensorScope.Enter();
        x = x.To(DType.Float32);
        return scope.Keep(x / x.Norm(2, [-1], keepDim: true));
    }
}
