// The .npy format of NumPy, versions 1 to 3: magic, header as a Python dictionary literal, raw values.
// Source: NumPy Enhancement Proposal 1 and numpy/lib/format.py (facts of the format).

using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Kinora.Evaluation.Features;

/// <summary>An array of numbers read from a .npy file, widened to float64.</summary>
/// <param name="Shape">Extents.</param>
/// <param name="Values">Row-major.</param>
public sealed partial record NpyFile(IReadOnlyList<long> Shape, double[] Values)
{
    private const int MagicLength = 6;

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Reads little-endian floats of 2, 4 or 8 bytes, integers and booleans, in C or Fortran order.</summary>
    /// <exception cref="EvaluationException">The file is damaged or holds something else.</exception>
    public static NpyFile Read(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        EvaluationException Damaged(string what) => new($"{path}: {what}. Expected a .npy file with numbers.");
        if (file.Length < MagicLength + 4 || !file.AsSpan(0, MagicLength).SequenceEqual(Magic))
            throw Damaged("this does not begin like a .npy file");
        int lengthBytes = file[MagicLength] switch { 1 => 2, 2 or 3 => 4, var v => throw Damaged($"version {v} of the format is unknown") };
        int start = MagicLength + 2 + lengthBytes;
        if (file.Length < start)
            throw Damaged("the header is cut off");
        long headerLength = lengthBytes == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(MagicLength + 2)) : BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(MagicLength + 2));
        if (start + headerLength > file.Length)
            throw Damaged("the header is cut off");
        string header = Encoding.UTF8.GetString(file, start, (int)headerLength);
        Match descr = Description().Match(header), order = FortranOrder().Match(header), shapeText = ShapeTuple().Match(header);
        if (!descr.Success || !order.Success || !shapeText.Success)
            throw Damaged($"the header {header.Trim()} is not understood");

        long[] shape = [.. shapeText.Groups["value"].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(s => long.Parse(s, CultureInfo.InvariantCulture))];
        string type = descr.Groups["value"].Value;
        var (size, read) = Reader(type) ?? throw Damaged($"element type '{type}' is not supported; save it as float32 or float64");
        long count = 1;
        foreach (long s in shape)
            count = checked(count * s);
        ReadOnlySpan<byte> raw = file.AsSpan(start + (int)headerLength);
        if (raw.Length != count * size)
            throw Damaged($"the shape [{string.Join(", ", shape)}] of '{type}' needs {count * size} bytes, the file has {raw.Length}");
        var values = new double[count];
        for (int i = 0; i < values.Length; i++)
            values[i] = read(raw.Slice(i * size, size));
        return new NpyFile(shape, order.Groups["value"].Value == "True" ? FromFortran(values, shape) : values);
    }

    private delegate double ReadElement(ReadOnlySpan<byte> bytes);

    private static (int Size, ReadElement Read)? Reader(string type) => type switch
    {
        "<f8" => (8, b => BinaryPrimitives.ReadDoubleLittleEndian(b)),
        "<f4" => (4, b => BinaryPrimitives.ReadSingleLittleEndian(b)),
        "<f2" => (2, b => (double)BinaryPrimitives.ReadHalfLittleEndian(b)),
        "<i8" => (8, b => BinaryPrimitives.ReadInt64LittleEndian(b)),
        "<i4" => (4, b => BinaryPrimitives.ReadInt32LittleEndian(b)),
        "<i2" => (2, b => BinaryPrimitives.ReadInt16LittleEndian(b)),
        "|i1" => (1, b => (sbyte)b[0]),
        "|u1" or "|b1" => (1, b => b[0]),
        _ => null,
    };

    // Column-major to row-major.
    private static double[] FromFortran(double[] values, long[] shape)
    {
        var rows = new double[values.Length];
        var index = new long[shape.Length];
        for (int from = 0; from < values.Length; from++)
        {
            long to = 0;
            for (int d = 0; d < shape.Length; d++)
                to = to * shape[d] + index[d];
            rows[to] = values[from];
            for (int d = 0; d < shape.Length && ++index[d] == shape[d]; d++)
                index[d] = 0;
        }
        return rows;
    }

    [GeneratedRegex(@"'descr'\s*:\s*'(?<value>[^']*)'", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)] private static partial Regex Description();

    [GeneratedRegex(@"'fortran_order'\s*:\s*(?<value>True|False)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)] private static partial Regex FortranOrder();

    [GeneratedRegex(@"'shape'\s*:\s*\((?<value>[^)]*)\)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)] private static partial Regex ShapeTuple();
}
