using System.Globalization;

namespace Kinora.Engine.Checkpoints;

/// <summary>A parameter whose shape in the checkpoint is not the network's.</summary>
public sealed record ShapeMismatch(string Name, IReadOnlyList<long> Expected, StoredTensor Found);

/// <summary>A parameter that was converted on its way into memory. Between floating-point types this is what the caller's dtype asks for.</summary>
public sealed record DTypeConversion(string Name, StorageType From, DType To);

/// <summary>How the weights on disk differ from the parameters that a network declared.</summary>
public sealed class LoadReport(string source)
{
    private const int Shown = 20;
    private readonly List<string> _missing = [];
    private readonly List<string> _unexpected = [];
    private readonly List<ShapeMismatch> _wrongShape = [];
    private readonly List<DTypeConversion> _wrongKind = [];
    private readonly List<DTypeConversion> _converted = [];
    private readonly List<string> _notFinite = [];

    /// <summary>The file or folder that was loaded.</summary>
    public string Source { get; } = source;

    /// <summary>Parameters that the checkpoint lacks.</summary>
    public IReadOnlyList<string> Missing => _missing;

    /// <summary>Tensors of the checkpoint that no parameter asked for.</summary>
    public IReadOnlyList<string> Unexpected => _unexpected;

    /// <summary>Parameters of another shape.</summary>
    public IReadOnlyList<ShapeMismatch> WrongShape => _wrongShape;

    /// <summary>Parameters of another kind: floating point where whole numbers or booleans are expected, or the reverse.</summary>
    public IReadOnlyList<DTypeConversion> WrongKind => _wrongKind;

    /// <summary>Parameters with values that are NaN or infinite, as stored or in the type that they are kept in.</summary>
    public IReadOnlyList<string> NotFinite => _notFinite;

    /// <summary>Parameters converted between floating-point types, as the requested dtype implies. Information, not an error.</summary>
    public IReadOnlyList<DTypeConversion> Converted => _converted;

    /// <summary>True when the checkpoint holds exactly the network's parameters.</summary>
    public bool IsEmpty => _missing.Count == 0 && _unexpected.Count == 0 && _wrongShape.Count == 0 && _wrongKind.Count == 0 && _notFinite.Count == 0;

    /// <summary>Passes when <see cref="IsEmpty"/>.</summary>
    /// <exception cref="CheckpointException">It is not; the message lists every difference.</exception>
    public void ThrowUnlessEmpty()
    {
        if (!IsEmpty)
        {
            throw new CheckpointException(ToString());
        }
    }

    /// <summary>Every difference, one line each.</summary>
    public override string ToString()
    {
        if (IsEmpty)
        {
            return $"{Source}: every parameter loaded.";
        }
        var lines = new List<string> { $"{Source} does not hold the weights of this network:" };
        Add("missing", _missing, n => $"`{n}`");
        Add("unexpected", _unexpected, n => $"`{n}`");
        Add("wrong shape", _wrongShape, m => $"`{m.Name}`: model expects [{string.Join(", ", m.Expected)}], file has {m.Found}");
        Add("wrong kind of element", _wrongKind, c => $"`{c.Name}`: model expects {c.To.ShortName()}, file has {c.From.FileName()}");
        Add("no finite numbers", _notFinite, n => $"`{n}` has NaN or infinite values; download the file again, or take it in another precision");
        return string.Join('\n', lines);

        void Add<T>(string what, List<T> items, Func<T, string> show)
        {
            lines.AddRange(items.Take(Shown).Select(i => $"  {what}: {show(i)}"));
            if (items.Count > Shown)
            {
                lines.Add(string.Create(CultureInfo.InvariantCulture, $"  {what}: and {items.Count - Shown} more"));
            }
        }
    }

    internal void AddMissing(string name) => _missing.Add(name);

    internal void AddUnexpected(string name) => _unexpected.Add(name);

    internal void AddWrongShape(string name, ReadOnlySpan<long> expected, StoredTensor found) => _wrongShape.Add(new ShapeMismatch(name, expected.ToArray(), found));

    internal void AddWrongKind(string name, StorageType from, DType to) => _wrongKind.Add(new DTypeConversion(name, from, to));

    internal void AddNotFinite(string name) => _notFinite.Add(name);

    internal void AddConverted(string name, StorageType from, DType to) => _converted.Add(new DTypeConversion(name, from, to));
}
