using Kinora.Engine;

namespace Kinora.Models.Generation;

/// <summary>
/// Networks of one model that may not be in memory together: with <paramref name="oneAtATime"/>, the use of one frees the one before it.
/// </summary>
public sealed class Residency(bool oneAtATime)
{
    private Action? _release;
    private object? _current;

    /// <summary>Whether a network leaves when another is used.</summary>
    public bool OneAtATime => oneAtATime;

    internal void Use(object network, Action release)
    {
        if (!oneAtATime || ReferenceEquals(_current, network))
        {
            return;
        }
        _release?.Invoke();
        (_current, _release) = (network, release);
    }
}

/// <summary>A network that is loaded when it is first needed and may be given back before the others: a large text encoder before the transformer.</summary>
/// <param name="load">Loads it.</param>
/// <param name="residency">The networks that it shares memory with; null when it stays until it is released.</param>
public sealed class OnDemand<TNetwork>(Func<TNetwork> load, Residency? residency = null) : IDisposable where TNetwork : Module
{
    private TNetwork? _network;

    /// <summary>The network; its weights are read now if they are not in memory.</summary>
    public TNetwork Value
    {
        get
        {
            residency?.Use(this, Release);
            return _network ??= load();
        }
    }

    /// <summary>Frees the weights until the next use, and what was kept for reuse with them.</summary>
    public void Release()
    {
        if (_network is null)
        {
            return;
        }
        _network.Path.Store.Dispose();
        _network = null;
        EngineRuntime.TrimHostMemory();
    }

    public void Dispose() => Release();
}
