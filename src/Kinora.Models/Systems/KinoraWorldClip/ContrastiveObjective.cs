using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Systems.KinoraWorld;

namespace Kinora.Models.Systems.KinoraWorldClip;

// Symmetric InfoNCE between the clips and captions of a batch: −½ (mean log softmax of row i at i + mean log softmax of column i at i) of
// exp(s) · cos(clip i, caption j), arXiv:2103.00020, figure 3; exp(s) is at most 100, section 2.5.
// Besides, one set of linear heads is asked what the scene shows, of clips and of captions alike. Because both towers answer through the
// same heads, that also pulls their embeddings together long before the contrast does. The heads are thrown away afterwards.
//
// Shapes    B pairs  D embedding  N answers
// Numerics  float32.

/// <summary>What a text–clip model is trained by.</summary>
public sealed class ContrastiveObjective : Module
{
    private const double MaxScale = 100;
    private readonly Linear[] _heads;
    private readonly double _headScale;

    /// <summary>Declares the heads under <paramref name="path"/>.</summary>
    public ContrastiveObjective(ParameterPath path, int dim, IReadOnlyList<AttributeSpec> attributes) : base(path)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(attributes);
        _heads = [.. attributes.Select(a => new Linear(path[a.Name], dim, a.NumClasses))];
        _headScale = Math.Sqrt(dim);
    }

    /// <summary>Losses and accuracy of a batch.</summary>
    /// <param name="model">The model.</param>
    /// <param name="clips">Unit vectors of clips, [B, D].</param>
    /// <param name="texts">Unit vectors of their captions, [B, D].</param>
    /// <param name="clipLabels">What the scenes show: for each attribute int64 [B].</param>
    /// <param name="textLabels">What the captions tell; <see cref="TextEncoderObjective.Unknown"/> where they are silent.</param>
    /// <param name="attributeWeight">Weight of the heads' cross entropies, which are averaged over attributes and towers; 0 leaves them out.</param>
    public ContrastiveLoss Loss(TextClipModel model, Tensor clips, Tensor texts, IReadOnlyList<Tensor> clipLabels, IReadOnlyList<Tensor> textLabels, double attributeWeight)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(clips);
        ArgumentNullException.ThrowIfNull(texts);
        using var scope = TensorScope.Enter();
        using var full = Autocast.Enter(null);
        var scale = model.LogScale.Exp().Clamp(max: MaxScale);
        var logits = clips.Matmul(texts.Transpose(0, 1)) * scale;                                // [B, B]
        var diagonal = Tensor.Arange(0, clips.Size(0), dtype: DType.Int64, device: clips.Device);
        var contrast = (F.CrossEntropy(logits, diagonal) + F.CrossEntropy(logits.Transpose(0, 1), diagonal)) * 0.5;
        var accuracy = logits.Detach().Argmax(0).Eq(diagonal).To(DType.Float32).Mean();
        if (attributeWeight == 0)
            return new ContrastiveLoss(scope.Keep(contrast), contrast.Detach().Item(), accuracy.Item());
        var told = Tensor.Zeros([], DType.Float32, clips.Device);
        for (int i = 0; i < _heads.Length; i++)
        {
            told = told + F.CrossEntropy(_heads[i].Forward(clips * _headScale), clipLabels[i])
                + F.CrossEntropy(_heads[i].Forward(texts * _headScale), textLabels[i], Reduction.Sum, TextEncoderObjective.Unknown) / clips.Size(0);
        }
        return new ContrastiveLoss(scope.Keep(contrast + told * (attributeWeight / (2 * _heads.Length))), contrast.Detach().Item(), accuracy.Item());
    }
}

/// <summary>The loss of a batch.</summary>
/// <param name="Total">What to differentiate, a scalar in nats.</param>
/// <param name="Contrast">The symmetric InfoNCE alone, nats.</param>
/// <param name="Accuracy">Share of captions whose own clip is the nearest of the batch.</param>
public readonly record struct ContrastiveLoss(Tensor Total, double Contrast, double Accuracy);
