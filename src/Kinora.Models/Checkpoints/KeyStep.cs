// What happens to a tensor on its way from one layout to another. Every step has an inverse, so a file can go both ways.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;

namespace Kinora.Models.Checkpoints;

/// <summary>A typed step between a published tensor and a parameter of ours.</summary>
public abstract record KeyStep
{
    private KeyStep()
    {
    }

    /// <summary>The tensor as it is.</summary>
    public static KeyStep Same { get; } = new SameStep();

    /// <summary>A matrix whose rows are our columns.</summary>
    public static KeyStep Transposed { get; } = new TransposedStep();

    /// <summary>A convolution with kernel 1 that is a matrix here: [out, in, 1, 1] to [out, in].</summary>
    public static KeyStep Flattened { get; } = new FlattenedStep();

    /// <summary>A tensor that has dimensions of size 1 before ours: [1, 1, D] to [D].</summary>
    /// <param name="rank">Dimensions of the published tensor.</param>
    public static KeyStep Unpadded(int rank) => new UnpaddedStep(rank);

    /// <summary>Some of several equal parts along the first dimension, in the given order: queries out of a joint projection.</summary>
    public static KeyStep Parts(int count, params int[] taken) => new PartsStep(count, taken);

    /// <summary>The shape of the parameter that a published tensor of this shape gives; null when the step does not fit it.</summary>
    internal abstract IReadOnlyList<long>? ShapeOf(IReadOnlyList<long> published);

    /// <summary>The shape of the published tensor that a parameter of this shape comes from.</summary>
    internal abstract long[] PublishedShape(IReadOnlyList<long> own);

    /// <summary>The parameter, from the published tensor.</summary>
    internal abstract Tensor Apply(Tensor published);

    /// <summary>The same of elements that are not decoded; null where that takes more than a view of them.</summary>
    internal virtual StoredElements? Apply(StoredElements published) => null;

    /// <summary>The published tensor, from the parameter; for parts, what they contribute.</summary>
    internal abstract Tensor Revert(Tensor own);

    private sealed record SameStep : KeyStep
    {
        internal override IReadOnlyList<long> ShapeOf(IReadOnlyList<long> published) => published;

        internal override long[] PublishedShape(IReadOnlyList<long> own) => [.. own];

        internal override Tensor Apply(Tensor published) => published;

        internal override StoredElements Apply(StoredElements published) => published;

        internal override Tensor Revert(Tensor own) => own;
    }

    private sealed record TransposedStep : KeyStep
    {
        internal override IReadOnlyList<long>? ShapeOf(IReadOnlyList<long> published) => published is [var rows, var columns] ? [columns, rows] : null;

        internal override long[] PublishedShape(IReadOnlyList<long> own) => [own[1], own[0]];

        internal override Tensor Apply(Tensor published) => published.Transpose(0, 1).Contiguous();

        internal override Tensor Revert(Tensor own) => own.Transpose(0, 1).Contiguous();
    }

    private sealed record FlattenedStep : KeyStep
    {
        // Later files of the same layout hold the matrix already.
        internal override IReadOnlyList<long>? ShapeOf(IReadOnlyList<long> published) => published is [var o, var i, 1, 1] ? [o, i] : published is [_, _] ? published : null;

        internal override long[] PublishedShape(IReadOnlyList<long> own) => [.. own, 1, 1];

        internal override Tensor Apply(Tensor published) => published.Shape is [var o, var i, 1, 1] ? published.Reshape(o, i) : published;

        internal override StoredElements Apply(StoredElements published) => published.Shape is [var o, var i, 1, 1] ? published.WithShape(o, i) : published;

        internal override Tensor Revert(Tensor own) => own.Reshape(own.Size(0), own.Size(1), 1, 1);
    }

    private sealed record UnpaddedStep(int Rank) : KeyStep
    {
        internal override IReadOnlyList<long>? ShapeOf(IReadOnlyList<long> published) =>
            published.Count == Rank && published[0] == 1 ? [.. published.SkipWhile((size, i) => size == 1 && i < Rank - 1)] : null;

        internal override long[] PublishedShape(IReadOnlyList<long> own) => [.. Enumerable.Repeat(1L, Rank - own.Count), .. own];

        internal override Tensor Apply(Tensor published) => published.Reshape([.. ShapeOf(published.Shape)!]);

        internal override StoredElements Apply(StoredElements published) => published.WithShape([.. ShapeOf(published.Shape)!]);

        internal override Tensor Revert(Tensor own) => own.Reshape(PublishedShape(own.Shape));
    }

    internal sealed record PartsStep(int Count, int[] Taken) : KeyStep
    {
        internal override IReadOnlyList<long>? ShapeOf(IReadOnlyList<long> published) =>
            published.Count > 0 && published[0] % Count == 0 ? [published[0] / Count * Taken.Length, .. published.Skip(1)] : null;

        internal override long[] PublishedShape(IReadOnlyList<long> own) => [own[0] / Taken.Length * Count, .. own.Skip(1)];

        internal override Tensor Apply(Tensor published)
        {
            using var scope = TensorScope.Enter();
            long rows = published.Size(0) / Count;
            Tensor[] parts = [.. Taken.Select(part => published.Narrow(0, part * rows, rows))];
            return scope.Keep(parts.Length == 1 ? parts[0].Clone() : Tensor.Cat(parts, 0));
        }

        // Neighboring parts are one stretch of the file.
        internal override StoredElements? Apply(StoredElements published)
        {
            long rows = published.Shape[0] / Count;
            return Enumerable.Range(1, Taken.Length - 1).All(i => Taken[i] == Taken[i - 1] + 1) ? published.Rows(Taken[0] * rows, Taken.Length * rows) : null;
        }

        internal override Tensor Revert(Tensor own) => own;
    }
}
