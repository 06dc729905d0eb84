namespace Kinora.Engine;

/// <summary>
/// The matrix or kernel that a layer multiplies with. Most are tensors; those of a large network may stay as their file stores them and
/// are decoded when the layer runs, so that the network takes the memory of its stored bytes and of one decoded layer.
/// </summary>
public abstract class Weight : IDisposable
{
    /// <summary>The type in which the layer computes when nothing else is said.</summary>
    public abstract DType DType { get; }

    /// <summary>Sizes, outermost first.</summary>
    public abstract IReadOnlyList<long> Shape { get; }

    /// <summary>Bytes that it holds between uses.</summary>
    public abstract long NumBytes { get; }

    /// <summary>The values in a type. What had to be made belongs to the innermost scope: a layer opens one, so that one layer's values are alive at a time.</summary>
    public abstract Tensor Use(DType dtype);

    /// <summary>What a layer makes of its input. A weight with changes of low rank on top adds their products, which are smaller than its own.</summary>
    /// <param name="dtype">Type of the arithmetic.</param>
    /// <param name="bias">In that type; null for none.</param>
    /// <param name="product">The layer's product with any weight of this one's kernel, linear in it: it gives as many channels as that weight has rows.</param>
    /// <param name="channels">Where channels stand in the result: −1, or 1 behind the batch with two or three directions after them.</param>
    public virtual Tensor Apply(DType dtype, Tensor? bias, Func<Tensor, Tensor?, Tensor> product, int channels)
    {
        ArgumentNullException.ThrowIfNull(product);
        return product(Use(dtype), bias);
    }

    /// <summary>Rows by number, in <see cref="DType"/>: ids int64 [..] → [.., D].</summary>
    public abstract Tensor Rows(Tensor ids);

    /// <summary>Frees what it holds.</summary>
    public abstract void Dispose();
}

/// <summary>A weight that is a tensor, as training needs it.</summary>
public sealed class ResidentWeight(Tensor value) : Weight
{
    /// <summary>The parameter.</summary>
    public Tensor Value => value;

    /// <inheritdoc/>
    public override DType DType => value.DType;

    /// <inheritdoc/>
    public override IReadOnlyList<long> Shape => value.Shape;

    /// <inheritdoc/>
    public override long NumBytes => value.NumBytes;

    /// <inheritdoc/>
    public override Tensor Use(DType dtype) => value.To(dtype);

    /// <inheritdoc/>
    public override Tensor Rows(Tensor ids) => F.Embedding(ids, value);

    /// <inheritdoc/>
    public override void Dispose() => value.Dispose();
}
