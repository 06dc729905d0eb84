namespace Kinora.Engine.Checkpoints;

/// <summary>The elements of a tensor in the form in which a file stores them.</summary>
/// <param name="Type">That form.</param>
/// <param name="Shape">Sizes, outermost first.</param>
/// <param name="Data">
/// On the CPU, contiguous: elements of the type where the engine has it, else (8-bit floats, blocks) the bytes. Where <paramref name="IsMapped"/>,
/// a view of the file.
/// </param>
/// <param name="IsMapped">Whether the pages of <paramref name="Data"/> can be given back at any time and come again from the file.</param>
/// <param name="Scale">What every element is multiplied with.</param>
public sealed record StoredElements(StorageType Type, IReadOnlyList<long> Shape, Tensor Data, bool IsMapped, float Scale = 1)
{
    /// <summary>The same elements under another shape of as many.</summary>
    public StoredElements WithShape(params IReadOnlyList<long> shape) => this with { Shape = shape };

    /// <summary>Consecutive rows: part of the first dimension. Null when a row does not begin with a block.</summary>
    /// <param name="start">The first.</param>
    /// <param name="count">How many.</param>
    public StoredElements? Rows(long start, long count)
    {
        long row = Shape.Skip(1).Aggregate(1L, (n, s) => n * s);
        if (Shape.Count == 0 || row % Type.BlockElements() != 0)
        {
            return null;
        }
        long units = Data.NumElements / Shape[0];
        return this with { Shape = [count, .. Shape.Skip(1)], Data = Data.View(Data.NumElements).Narrow(0, start * units, count * units) };
    }
}
