using Kinora.Engine;

namespace Kinora.Models.Generation;

/// <summary>A network that is loaded when it is first needed and may be given back before the others: a large text encoder before the transformer.</summary>
public sealed class OnDemand<TNetwork>(Func<TNetwork> load) : IDisposable where TNetwork : Module
{
    private TNetwork? _network;

    /// <summary>The network; its weights are read now if they are not in memory.</summary>
    public TNetwork Value => _network ??= load();

    /// <summary>Frees the weights until the next use.</summary>
    public void Release()
    {
        _network?.Path.Store.Dispose();
        _network = null;
    }

    public void Dispose() => Release();
}
