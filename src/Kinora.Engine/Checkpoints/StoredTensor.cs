namespace Kinora.Engine.Checkpoints;

/// <summary>One tensor of a weight file, as its header describes it.</summary>
/// <param name="Name">The parameter name.</param>
/// <param name="Type">Element type in the file.</param>
/// <param name="Shape">Sizes, outermost first; empty for a scalar.</param>
/// <param name="Offset">First byte, counted from the start of the file.</param>
/// <param name="NumBytes">Bytes of the elements.</param>
public sealed record StoredTensor(string Name, StorageType Type, IReadOnlyList<long> Shape, long Offset, long NumBytes)
{
    /// <summary>Number of elements.</summary>
    public long NumElements => NumBytes / Type.Size() * Type.BlockElements();

    /// <summary>Type and shape in one line: F32[3, 4].</summary>
    public override string ToString() => $"{Type.FileName()}[{string.Join(", ", Shape)}]";
}
