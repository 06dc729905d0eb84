using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Kinora.Engine;

/// <summary>Where parameters come from: an initialiser, a checkpoint, or nowhere (shapes only).</summary>
public interface IParameterSource
{
    /// <summary>Whether parameters take part in training.</summary>
    bool Trainable { get; }

    /// <summary>The tensor of the given full name; its shape is as asked.</summary>
    Tensor Get(string fullName, ReadOnlySpan<long> shape, Init init, DType dtype, Device device);

    /// <summary>The matrix or kernel of the given full name: a tensor unless the source keeps such weights in another form.</summary>
    Weight GetWeight(string fullName, ReadOnlySpan<long> shape, Init init, DType dtype, Device device) => new ResidentWeight(Get(fullName, shape, init, dtype, device));
}

/// <summary>Every parameter of a network by its full name, in the order of creation.</summary>
public sealed class ParameterStore : IDisposable
{
    private readonly List<(string Name, Tensor Value)> _ordered = [];
    private readonly List<(string Name, Weight Value)> _stored = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Tensor> _byName = new(StringComparer.Ordinal);

    /// <summary>Number of parameters.</summary>
    public int Count => _ordered.Count + _stored.Count;

    /// <summary>Parameters that are tensors: all of them, unless weights were loaded in another form.</summary>
    public IReadOnlyList<(string Name, Tensor Value)> All => _ordered;

    /// <summary>Weights that are kept in the form of their file and decoded on use.</summary>
    public IReadOnlyList<(string Name, Weight Value)> Stored => _stored;

    /// <summary>Bytes of all parameters in the form in which they are kept.</summary>
    public long NumBytes => _ordered.Sum(p => p.Value.NumBytes) + _stored.Sum(p => p.Value.NumBytes);

    public bool TryGet(string fullName, [MaybeNullWhen(false)] out Tensor value) => _byName.TryGetValue(fullName, out value);

    internal void Add(string fullName, Tensor value)
    {
        Declare(fullName);
        _byName.Add(fullName, value);
        _ordered.Add((fullName, value));
    }

    internal void Add(string fullName, Weight value)
    {
        Declare(fullName);
        _stored.Add((fullName, value));
    }

    private void Declare(string fullName)
    {
        if (!_names.Add(fullName))
            throw new InvalidOperationException($"parameter '{fullName}' is declared twice.");
    }

    internal IEnumerable<(string Name, Tensor Value)> Under(string prefix) =>
        prefix.Length == 0 ? _ordered : _ordered.Where(p => p.Name.StartsWith(prefix, StringComparison.Ordinal) && (p.Name.Length == prefix.Length || p.Name[prefix.Length] == '.'));

    /// <summary>Frees every parameter.</summary>
    public void Dispose()
    {
        foreach (var (_, value) in _ordered)
            value.Dispose();
        foreach (var (_, value) in _stored)
            value.Dispose();
        _ordered.Clear();
        _stored.Clear();
        _names.Clear();
        _byName.Clear();
    }
}

/// <summary>
/// A place in a network's tree of parameter names, together with the source of the values. One constructor serves training,
/// loading and counting: <c>path.Create("weight", [out, in], Init.XavierUniform)</c> is the only way to get a parameter.
/// </summary>
public sealed class ParameterPath
{
    private readonly IParameterSource _source;
    private readonly DType _dtype;
    private readonly Device _device;

    private ParameterPath(ParameterStore store, string prefix, IParameterSource source, DType dtype, Device device)
    {
        Store = store;
        Prefix = prefix;
        _source = source;
        _dtype = dtype;
        _device = device;
    }

    /// <summary>The root of a new network.</summary>
    public static ParameterPath Root(IParameterSource source, DType dtype = DType.Float32, Device? device = null) =>
        new(new ParameterStore(), "", source, dtype, device ?? Device.Cpu);

    public ParameterStore Store { get; }

    /// <summary>The dotted name; empty at the root.</summary>
    public string Prefix { get; }

    /// <summary>The element type of parameters that do not name their own.</summary>
    public DType DType => _dtype;

    public Device Device => _device;

    public ParameterPath this[string name] => new(Store, Join(name), _source, _dtype, _device);

    /// <summary>The same place with another element type: a part that stays float32 in a 16-bit network.</summary>
    public ParameterPath As(DType dtype) => new(Store, Prefix, _source, dtype, _device);

    public ParameterPath this[int index] => this[index.ToString(CultureInfo.InvariantCulture)];

    /// <summary>Declares a parameter. It belongs to the store, not to a tensor scope.</summary>
    /// <param name="name">The last part of the name.</param>
    /// <param name="shape">The shape; a checkpoint with another one is refused.</param>
    /// <param name="init">Initial values when training starts from nothing.</param>
    /// <param name="dtype">The element type when it must differ from the network's (float32 islands).</param>
    public Tensor Create(string name, ReadOnlySpan<long> shape, Init init, DType? dtype = null)
    {
        string fullName = Join(name);
        return Add(fullName, _source.Get(fullName, shape, init, dtype ?? _dtype, _device));
    }

    /// <summary>Declares a matrix or kernel that a layer multiplies with; a network that only infers may keep it in fewer bytes.</summary>
    /// <inheritdoc cref="Create"/>
    public Weight CreateWeight(string name, ReadOnlySpan<long> shape, Init init, DType? dtype = null)
    {
        string fullName = Join(name);
        Weight weight = _source.GetWeight(fullName, shape, init, dtype ?? _dtype, _device);
        if (weight is ResidentWeight resident)
            Add(fullName, resident.Value);
        else
            Store.Add(fullName, weight);
        return weight;
    }

    private Tensor Add(string fullName, Tensor value)
    {
        value.Own();
        if (_source.Trainable && value.DType.IsFloatingPoint())
            value.RequiresGradInPlace();
        Store.Add(fullName, value);
        return value;
    }

    public override string ToString() => Prefix;

    private string Join(string name) => Prefix.Length == 0 ? name : $"{Prefix}.{name}";
}

/// <summary>Shapes without values: names, counts and memory estimates of a network of any size, at no cost.</summary>
public sealed class ShapeOnlyParameters : IParameterSource
{
    public bool Trainable => false;

    public Tensor Get(string fullName, ReadOnlySpan<long> shape, Init init, DType dtype, Device device) => Tensor.Empty(shape, dtype, Device.Meta);
}
