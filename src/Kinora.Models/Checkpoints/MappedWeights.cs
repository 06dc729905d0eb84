// Weights under other names than the file has them.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;

namespace Kinora.Models.Checkpoints;

/// <summary>
/// A published layout, read as ours. Nothing is copied until a tensor is read. Tensors that the table does not know keep their published
/// names, so that a load report lists them.
/// </summary>
public sealed class MappedWeights : IWeights
{
    private readonly IWeights _file;
    private readonly Dictionary<string, (string Published, KeyStep Step)> _sources = new(StringComparer.Ordinal);
    private readonly List<(string Name, string Reason)> _omitted = [];
    private readonly List<string> _unknown = [];

    /// <summary>Reads <paramref name="file"/> through a table.</summary>
    /// <param name="file">The file; disposing this object does not dispose it.</param>
    /// <param name="map">The table.</param>
    /// <param name="prefix">Only tensors whose names begin so, without the beginning.</param>
    /// <exception cref="CheckpointException">Two tensors of the file give the same parameter.</exception>
    public MappedWeights(IWeights file, KeyMap map, string prefix = "")
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(map);
        _file = file;
        foreach (string name in file.Names.Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            string published = name[prefix.Length..];
            if (map.ReasonToOmit(published) is { } reason)
            {
                _omitted.Add((name, reason));
                continue;
            }
            StoredTensor stored = file.Find(name)!;
            var targets = map.ToOwn(published);
            if (targets.Count == 0 || targets.Any(t => t.Step.ShapeOf(stored.Shape) is null))
            {
                _unknown.Add(published);
                targets = [(published, KeyStep.Same)];
            }
            foreach (var (own, step) in targets)
            {
                if (!_sources.TryAdd(own, (name, step)))
                {
                    throw new CheckpointException($"{file.Path}: `{name}` and `{_sources[own].Published}` both give `{own}`.");
                }
            }
        }
    }

    /// <inheritdoc/>
    public string Path => _file.Path;

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => _sources.Keys;

    /// <summary>Tensors of the file that were left out, and why.</summary>
    public IReadOnlyList<(string Name, string Reason)> Omitted => _omitted;

    /// <summary>Tensors of the file that the table does not know.</summary>
    public IReadOnlyList<string> Unknown => _unknown;

    /// <inheritdoc/>
    public StoredTensor? Find(string name)
    {
        if (!_sources.TryGetValue(name, out var source) || _file.Find(source.Published) is not { } stored)
        {
            return null;
        }
        IReadOnlyList<long> shape = source.Step.ShapeOf(stored.Shape) ?? stored.Shape;
        long elements = shape.Aggregate(1L, (n, s) => n * s);
        // Quantized rows go whole or not at all, so bytes follow elements.
        return stored with { Name = name, Shape = shape, NumBytes = stored.NumElements == 0 ? 0 : (long)((Int128)stored.NumBytes * elements / stored.NumElements) };
    }

    /// <inheritdoc/>
    public Tensor Read(string name, DType? dtype = null, Device? device = null)
    {
        if (!_sources.TryGetValue(name, out var source))
        {
            throw new CheckpointException($"{Path} has no tensor for `{name}`.");
        }
        using var scope = TensorScope.Enter();
        // A part alone, where it can be had: the whole would stay in memory with every part that views it.
        return scope.Keep(ReadStored(name) is { } elements ? elements.ToTensor(dtype, device) : source.Step.Apply(_file.Read(source.Published, dtype, device)));
    }

    /// <inheritdoc/>
    public StoredElements? ReadStored(string name) =>
        _sources.TryGetValue(name, out var source) && _file.ReadStored(source.Published) is { } elements ? source.Step.Apply(elements) : null;

    /// <summary>Nothing: the file belongs to whoever opened it.</summary>
    public void Dispose()
    {
    }
}
