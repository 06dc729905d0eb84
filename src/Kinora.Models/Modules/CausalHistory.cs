using Kinora.Engine;

namespace Kinora.Models.Modules;

/// <summary>
/// What causal layers remember between consecutive parts of one clip, so that a long clip runs in bounded memory and gives what
/// the whole clip at once would give. One instance serves one clip.
/// </summary>
public sealed class CausalHistory : IDisposable
{
    private readonly Dictionary<Module, Tensor> _past = new(ReferenceEqualityComparer.Instance);

    /// <summary>True until <see cref="Advance"/>: the part being run contains the clip's first frame.</summary>
    public bool IsFirstPart { get; private set; } = true;

    /// <summary>Call after each part.</summary>
    public void Advance() => IsFirstPart = false;

    public void Dispose()
    {
        foreach (var tensor in _past.Values) tensor.Dispose();
        _past.Clear();
    }

    internal Tensor? Past(Module layer) => _past.GetValueOrDefault(layer);

    internal void Remember(Module layer, Tensor frames)
    {
        if (_past.Remove(layer, out var old)) old.Dispose();
        _past[layer] = frames.Clone().Own();
    }
}
