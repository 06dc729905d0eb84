using Kinora.Engine;

namespace Kinora.Models.Systems.KinoraWorld;

/// <summary>
/// The text stage's loss: cross entropy of every attribute of the scene that the caption tells, averaged over attributes. It makes the
/// embeddings say linearly what the scene is before the generator sees them.
/// </summary>
public sealed record TextEncoderObjective
{
    /// <summary>The label of an attribute that a caption does not tell; it takes no part in loss and accuracy.</summary>
    public const long Unknown = -100;

    public double LabelSmoothing { get; init; }

    /// <summary>Loss and accuracy for ids [B, K], mask [B, K] and one int64 label tensor [B] for each attribute, in the order of the heads.</summary>
    public TextEncoderLoss Loss(TextEncoder encoder, AttributeHeads heads, Tensor ids, Tensor mask, IReadOnlyList<Tensor> labels)
    {
        using var scope = TensorScope.Enter();
        if (labels.Count != heads.Attributes.Count)
            throw new ShapeException($"TextEncoderObjective: {heads.Attributes.Count} attributes ({string.Join(", ", heads.Attributes.Select(a => a.Name))}) need as many label tensors, got {labels.Count}.");
        var logits = heads.Forward(encoder.Forward(ids, mask), mask);
        var total = Tensor.Zeros([], DType.Float32, ids.Device);
        var accuracies = new double[logits.Length];
        for (var i = 0; i < logits.Length; i++)
        {
            var known = labels[i].Ne(Unknown);
            var count = known.To(DType.Float32).Sum().Item();
            accuracies[i] = double.NaN;
            if (count == 0) continue;
            // Over the batch size, not over the captions that tell: the mean over two halves of a batch is then the mean over the batch.
            total = total + F.CrossEntropy(logits[i], labels[i], Reduction.Sum, Unknown, LabelSmoothing) / labels[i].Size(0);
            accuracies[i] = logits[i].Argmax(-1).Eq(labels[i]).To(DType.Float32).Sum().Item() / count;
        }
        return new TextEncoderLoss(scope.Keep(total / logits.Length), accuracies);
    }
}

/// <summary>The text stage's loss.</summary>
/// <param name="Total">What to differentiate, a scalar in nats.</param>
/// <param name="Accuracies">Share of right answers for each attribute; NaN where no caption of the batch tells it.</param>
public readonly record struct TextEncoderLoss(Tensor Total, IReadOnlyList<double> Accuracies);
