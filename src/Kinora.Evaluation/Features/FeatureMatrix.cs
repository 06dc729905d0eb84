// Features of clips: one row each, float64 in memory whatever the file held.

using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;

namespace Kinora.Evaluation.Features;

/// <summary>n feature vectors of d numbers.</summary>
public sealed class FeatureMatrix
{
    /// <summary>Wraps row-major values [n, d].</summary>
    /// <param name="name">Where they came from, for messages.</param>
    /// <exception cref="EvaluationException">The values are not n·d finite numbers.</exception>
    public FeatureMatrix(string name, int count, int dimension, double[] values)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (count < 1 || dimension < 1 || (long)count * dimension != values.LongLength)
            throw new EvaluationException($"{name}: expected a matrix [clips, features], got {values.LongLength} numbers for [{count}, {dimension}].");
        int bad = Array.FindIndex(values, v => !double.IsFinite(v));
        if (bad >= 0)
            throw new EvaluationException($"{name}: row {bad / dimension}, column {bad % dimension} is {values[bad].ToString(CultureInfo.InvariantCulture)}. Features must be finite: find the clip of that row and leave it out.");
        Name = name;
        Count = count;
        Dimension = dimension;
        Values = values;
    }

    /// <summary>Where the values came from.</summary>
    public string Name { get; }

    /// <summary>Rows.</summary>
    public int Count { get; }

    /// <summary>Columns.</summary>
    public int Dimension { get; }

    /// <summary>Row-major [n, d].</summary>
    public double[] Values { get; }

    /// <summary>One row.</summary>
    public ReadOnlySpan<double> Row(int index) => Values.AsSpan(index * Dimension, Dimension);

    /// <summary>The rows chosen, in that order; a row may be chosen more than once.</summary>
    public FeatureMatrix Take(ReadOnlySpan<int> rows)
    {
        var taken = new double[rows.Length * Dimension];
        for (int i = 0; i < rows.Length; i++)
            Row(rows[i]).CopyTo(taken.AsSpan(i * Dimension));
        return new FeatureMatrix(Name, rows.Length, Dimension, taken);
    }

    /// <summary>Float64 [n, d] on the CPU.</summary>
    public Tensor ToTensor() => Tensor.FromArray(Values, Count, Dimension);

    /// <summary>SHA-256 over the shape and the values, in lower-case hexadecimal.</summary>
    public string Sha256()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> header = stackalloc byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(header, Count);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], Dimension);
        hash.AppendData(header);
        for (int i = 0; i < Count; i++)
            hash.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(Row(i)));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Reads a .npy file, or a .safetensors file with one tensor [n, d] (or one called "features").</summary>
    /// <exception cref="EvaluationException">The file is damaged, or holds something else than finite numbers [n, d].</exception>
    public static FeatureMatrix Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path))
            throw new EvaluationException($"{path}: there is no such file. Expected a matrix [clips, features] as .npy or .safetensors.");
        return Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".npy" => ReadNpy(path),
            ".safetensors" => ReadSafetensors(path),
            var other => throw new EvaluationException($"{path}: '{other}' is not a format of feature matrices. Save the matrix [clips, features] as .npy or .safetensors."),
        };
    }

    /// <summary>Writes float64 features as a .safetensors file with the tensor "features" and the given metadata.</summary>
    public void Write(string path, IReadOnlyDictionary<string, string>? metadata = null)
    {
        using var scope = TensorScope.Enter();
        SafetensorsWriter.Write(path, [KeyValuePair.Create(FeaturesTensor, ToTensor())], metadata);
    }

    private const string FeaturesTensor = "features";

    private static FeatureMatrix ReadNpy(string path)
    {
        NpyFile file = NpyFile.Read(path);
        return file.Shape.Count == 2
            ? new FeatureMatrix(path, checked((int)file.Shape[0]), checked((int)file.Shape[1]), file.Values)
            : throw new EvaluationException($"{path}: expected a matrix [clips, features], got [{string.Join(", ", file.Shape)}].");
    }

    private static FeatureMatrix ReadSafetensors(string path)
    {
        using var scope = TensorScope.Enter();
        using var file = SafetensorsFile.Open(path);
        string[] matrices = [.. file.Tensors.Values.Where(t => t.Shape.Count == 2).Select(t => t.Name)];
        string name = file.Tensors.ContainsKey(FeaturesTensor) ? FeaturesTensor
            : matrices.Length == 1 ? matrices[0]
            : throw new EvaluationException($"{path}: expected one tensor [clips, features] or one called `{FeaturesTensor}`, got {(matrices.Length == 0 ? "no matrix" : string.Join(", ", matrices))}.");
        Tensor values = file.Read(name, DType.Float64);
        if (values.Dim != 2)
            throw new EvaluationException($"{path}: `{name}` must be [clips, features], got [{string.Join(", ", values.Shape)}].");
        return new FeatureMatrix(path, (int)values.Size(0), (int)values.Size(1), values.Contiguous().ToArray<double>());
    }
}
