using Kinora.Engine;

namespace Kinora.Models.Systems.Ltx;

/// <summary>
/// What layers remember between consecutive parts of one clip, so that a long clip runs in bounded memory and gives what the whole at once would
/// give. A convolution that sees the next frame answers one frame late, so layers hold back frames until the last part lets them go; a part may
/// leave a layer with no frames at all. One instance serves one clip; frames are dimension 1.
/// </summary>
internal sealed class LtxStream : IDisposable
{
    private readonly Dictionary<object, Tensor> _held = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<object> _begun = new(ReferenceEqualityComparer.Instance);

    /// <summary>Whether the part being run ends the clip.</summary>
    public bool IsLastPart { get; set; }

    /// <summary>A clip in one part.</summary>
    public static LtxStream Whole() => new() { IsLastPart = true };

    /// <summary>True once: when the layer's first frames come.</summary>
    public bool Begins(object layer, Tensor x) => x.Size(1) > 0 && _begun.Add(layer);

    /// <summary>The frames that a layer held back and then x.</summary>
    public Tensor WithHeld(object layer, Tensor x) => _held.TryGetValue(layer, out var held) ? Tensor.Cat([held, x], 1) : x;

    /// <summary>Holds back the last frames for the layer's next part; nothing is held after the last part.</summary>
    public void Hold(object layer, Tensor frames, long count)
    {
        var last = IsLastPart ? null : frames.Narrow(1, frames.Size(1) - count, count).Clone().Own();
        if (_held.Remove(layer, out var old)) old.Dispose();
        if (last is not null) _held[layer] = last;
    }

    /// <summary>As many frames as a layer's answer has, of x after those held back; the others are held back.</summary>
    public Tensor Beside(object layer, Tensor x, long count)
    {
        var frames = WithHeld(layer, x);
        Hold(layer, frames, frames.Size(1) - count);
        return frames.Narrow(1, 0, count);
    }

    /// <summary>What is made at the first part and serves all others.</summary>
    public Tensor Once(object key, Func<Tensor> make)
    {
        if (_held.TryGetValue(key, out var held)) return held;
        Tensor made = make();
        if (!IsLastPart) _held[key] = made.Alias().Own();
        return made;
    }

    public void Dispose()
    {
        foreach (var tensor in _held.Values) tensor.Dispose();
        _held.Clear();
    }
}
