using Kinora.Engine;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

/// <summary>The last few tensors that a multistep method remembers, newest first.</summary>
internal sealed class TensorHistory(int capacity) : IDisposable
{
    private readonly List<Tensor> _newestFirst = [];

    public int Count => _newestFirst.Count;

    /// <summary>The tensor pushed <paramref name="back"/> pushes ago; 0 is the newest.</summary>
    public Tensor this[int back] => _newestFirst[back];

    /// <summary>Remembers a tensor beyond the scope that it belongs to, and forgets the oldest when there are too many.</summary>
    public void Push(Tensor tensor)
    {
        _newestFirst.Insert(0, tensor.Alias().Own());
        if (_newestFirst.Count > capacity)
        {
            _newestFirst[^1].Dispose();
            _newestFirst.RemoveAt(_newestFirst.Count - 1);
        }
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        foreach (Tensor tensor in _newestFirst)
        {
            tensor.Dispose();
        }
        _newestFirst.Clear();
    }

    public void Dispose() => Clear();
}
