using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Systems.KinoraWorld;

/// <summary>One thing that a caption may tell, and how many answers there are.</summary>
public sealed record AttributeSpec(string Name, int NumClasses);

// Reads scene attributes from token embeddings: for each attribute one learned query pools the tokens by attention, and one linear layer
// answers. Used while the text encoder trains, and thrown away.
// Paper: Lee et al., "Set Transformer", arXiv:1810.00825, section 3.2 (pooling by attention to learned queries, here with one head and
// without a value projection, so that the answer is linear in the embeddings).
//
// Shapes    B batch  K tokens  E width  A attributes  N answers
// Numerics  float32.
public sealed class AttributeHeads : Module
{
    private const double QueryStd = 0.02;
    private readonly Tensor _queries;
    private readonly Linear[] _answers;

    public AttributeHeads(ParameterPath path, int dim, IReadOnlyList<AttributeSpec> attributes) : base(path)
    {
        Attributes = attributes;
        _queries = path.Create("queries", [attributes.Count, dim], Init.Normal(QueryStd));
        _answers = [.. attributes.Select(a => new Linear(path["answers"][a.Name], dim, a.NumClasses, init: Init.XavierUniform))];
    }

    public IReadOnlyList<AttributeSpec> Attributes { get; }

    /// <summary>Logits of each attribute, A × [B, N].</summary>
    /// <param name="text">[B, K, E]</param>
    /// <param name="mask">True at real tokens, [B, K].</param>
    public Tensor[] Forward(Tensor text, Tensor mask)
    {
        using var scope = TensorScope.Enter();
        using var full = Autocast.Enter(null);
        text = text.To(DType.Float32);
        var scores = text.Matmul(_queries.Transpose(0, 1));                                      // [B, K, A]
        var weights = scores.MaskedFill(mask.LogicalNot().Unsqueeze(-1), double.NegativeInfinity).Softmax(1);
        var pooled = weights.Transpose(1, 2).Matmul(text).Unbind(1);                             // A × [B, E]
        return scope.Keep([.. _answers.Select((answer, i) => answer.Forward(pooled[i]))]);
    }
}
