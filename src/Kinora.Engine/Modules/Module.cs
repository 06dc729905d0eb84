namespace Kinora.Engine;

/// <summary>A part of a network: it takes its parameters from a <see cref="ParameterPath"/> in the constructor and computes in Forward.</summary>
public abstract class Module
{
    protected Module(ParameterPath path)
    {
        ArgumentNullException.ThrowIfNull(path);
        Path = path;
    }

    /// <summary>Where the parameters of this module stand in the network's name tree.</summary>
    public ParameterPath Path { get; }

    /// <summary>The parameters of this module and of those below it that are tensors, by full name, in the order of their creation: all of them, unless weights were loaded in another form.</summary>
    public IEnumerable<(string Name, Tensor Value)> Parameters() => Path.Store.Under(Path.Prefix);

    /// <summary>Number of elements in all parameters.</summary>
    public long ParameterCount => Parameters().Sum(p => p.Value.NumElements);
}
