namespace Kinora.Engine.Checkpoints;

/// <summary>The elements of a tensor in the form in which a file stores them.</summary>
/// <param name="Type">That form.</param>
/// <param name="Shape">Sizes, outermost first.</param>
/// <param name="Data">
/// On the CPU, contiguous: elements of the type where the engine has it and they are aligned, else (8-bit floats, blocks) the bytes. Where
/// <paramref name="IsMapped"/>, a view of the file.
/// </param>
/// <param name="IsMapped">Whether the pages of <paramref name="Data"/> can be given back at any time and come again from the file.</param>
/// <param name="Scale">What every element is multiplied with.</param>
public sealed record StoredElements(StorageType Type, IReadOnlyList<long> Shape, Tensor Data, bool IsMapped, float Scale = 1)
{
    private const long ConvertedElements = 8L << 20; // at once; the pages they came from are then given back

    /// <summary>The elements as numbers. Of a mapped file it is a view where type and device are the file's; else a copy whose pages in the file are given back.</summary>
    /// <param name="dtype">The element type wanted; by default the file's, widened where the engine has no counterpart.</param>
    /// <param name="device">Where to; the CPU by default.</param>
    /// <param name="copy">Never a view: the caller writes to the result.</param>
    public Tensor ToTensor(DType? dtype = null, Device? device = null, bool copy = false)
    {
        DType own = Type.ToDType(), wanted = dtype ?? own;
        bool isPlain = Data.DType == own, isUnaligned = !isPlain && !IsBytes(Type);
        long[] shape = [.. Shape];
        using var scope = TensorScope.Enter();
        Tensor result;
        if (!copy && isPlain && wanted == own && Scale == 1)
        {
            result = Data.View(shape);
            if (device is not { } elsewhere || elsewhere == Device.Cpu)
            {
                return scope.Keep(result);
            }
            result = result.To(elsewhere);
            GiveBack();
            return scope.Keep(result);
        }
        result = Tensor.Empty(shape, wanted);
        Tensor to = result.View(-1), from = Data.View(-1);
        Tensor? scale = Scale == 1 ? null : Tensor.Full([1], Scale);
        long block = Type.BlockElements(), units = isPlain ? 1 : Type.Size(), elements = result.NumElements;
        for (long at = 0; at < elements; at += ConvertedElements)
        {
            using var part = TensorScope.Enter();
            long count = Math.Min(ConvertedElements, elements - at);
            Tensor source = from.Narrow(0, at / block * units, count / block * units);
            Tensor typed = isUnaligned ? Aligned(source, own) : source;
            to.Narrow(0, at, count).CopyInPlace((isPlain || isUnaligned) && scale is null ? typed : StoredWeight.Decode(Type, typed, scale, 1, wanted.IsFloatingPoint() ? wanted : DType.Float32));
            GiveBack(source);
        }
        return scope.Keep(device is { } place && place != Device.Cpu ? result.To(place) : result);
    }

    /// <summary>Whether elements of a type are handled as bytes because the engine has no such type.</summary>
    internal static bool IsBytes(StorageType type) => type.IsQuantized() || type is StorageType.Float8E4M3 or StorageType.Float8E5M2;

    private static unsafe Tensor Aligned(Tensor bytes, DType dtype)
    {
        Tensor copy = Tensor.Empty([bytes.NumElements / dtype.ItemSize()], dtype);
        Buffer.MemoryCopy(bytes.Info.Data, copy.Info.Data, bytes.NumBytes, bytes.NumBytes);
        return copy;
    }

    /// <summary>Gives the pages of a mapped file back after the elements were copied.</summary>
    private void GiveBack() => GiveBack(Data);

    private unsafe void GiveBack(Tensor part)
    {
        if (IsMapped)
        {
            var info = part.Info;
            MappedPages.GiveBack((nint)info.Data, info.NumBytes);
        }
    }

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
