using Kinora.Engine;

namespace Kinora.Models.Modules;

/// <summary>
/// What causal layers remember between consecutive parts of one clip, so that a long clip runs in bounded memory and gives what
/// the whole clip at once would give. One instance serves one clip.
/// </summary>
public sealed class CausalHistory : IDisposable
{
    private readonly Dictionary<Module, Tensor> _past = new(ReferenceEqualityComparer.Instance), _coming = new(ReferenceEqualityComparer.Instance);

    private const int RowAxis = 2;

    /// <summary>True until <see cref="Advance"/>: the part being run contains the clip's first frame.</summary>
    public bool IsFirstPart { get; private set; } = true;

    /// <summary>Call after each part.</summary>
    public void Advance() => IsFirstPart = false;

    public void Dispose()
    {
        foreach (var tensor in _past.Values.Concat(_coming.Values)) tensor.Dispose();
        _past.Clear();
        _coming.Clear();
    }

    internal Tensor? Past(Module layer) => _past.GetValueOrDefault(layer);

    internal void Remember(Module layer, Tensor frames)
    {
        if (_past.Remove(layer, out var old)) old.Dispose();
        _past[layer] = frames.Clone().Own();
    }

    /// <summary>Rows of what a layer remembers, [B, n, rows, W, C].</summary>
    internal Tensor? Past(Module layer, long top, long rows) => Past(layer)?.Narrow(RowAxis, top, rows);

    /// <summary>Remembers a strip of rows; <see cref="Past(Module)"/> stays as it is until the last row came.</summary>
    /// <param name="layer">Who remembers.</param>
    /// <param name="frames">[B, n, rows, W, C]</param>
    /// <param name="top">The first row.</param>
    /// <param name="height">How many rows there will be.</param>
    internal void Remember(Module layer, Tensor frames, long top, long height)
    {
        long rows = frames.Size(RowAxis);
        if (rows == height)
        {
            Remember(layer, frames);
            return;
        }
        if (!_coming.TryGetValue(layer, out var coming))
        {
            long[] shape = [.. frames.Shape];
            shape[RowAxis] = height;
            _coming[layer] = coming = Tensor.Empty(shape, frames.DType, frames.Device).Own();
        }
        coming.Narrow(RowAxis, top, rows).CopyInPlace(frames);
        if (top + rows < height) return;
        if (_past.Remove(layer, out var old)) old.Dispose();
        _coming.Remove(layer);
        _past[layer] = coming;
    }
}
