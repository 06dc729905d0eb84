namespace Kinora.Engine.Checkpoints;

/// <summary>
/// Parameters read from a checkpoint. Differences are gathered while the network is built, so that one message names all of them:
/// read <see cref="Report"/> afterwards and throw unless it is empty. Until then a parameter that could not be read is a meta tensor.
/// </summary>
/// <param name="weights">The weights; it may be disposed once the network is built.</param>
/// <param name="trainable">Whether parameters take part in training; they are then copies instead of views of the file.</param>
/// <param name="isOmitted">Tensors of the file that the network leaves out on purpose.</param>
public sealed class CheckpointParameters(IWeights weights, bool trainable = false, Func<string, bool>? isOmitted = null) : IParameterSource
{
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);
    private readonly LoadReport _report = new(weights.Path);
    private bool _complete;

    /// <inheritdoc/>
    public bool Trainable => trainable;

    /// <summary>The differences. Reading it closes the list: no parameter may be created afterwards.</summary>
    public LoadReport Report
    {
        get
        {
            if (!_complete)
            {
                _complete = true;
                foreach (string name in weights.Names.Where(n => !_used.Contains(n) && isOmitted?.Invoke(n) != true).Order(StringComparer.Ordinal))
                {
                    _report.AddUnexpected(name);
                }
            }
            return _report;
        }
    }

    /// <inheritdoc/>
    public Tensor Get(string fullName, ReadOnlySpan<long> shape, Init init, DType dtype, Device device)
    {
        if (_complete)
        {
            throw new InvalidOperationException($"parameter '{fullName}' was created after the load report was read.");
        }
        _used.Add(fullName);
        if (weights.Find(fullName) is not { } stored)
        {
            _report.AddMissing(fullName);
            return Placeholder(shape, dtype);
        }
        if (!shape.SequenceEqual([.. stored.Shape]))
        {
            _report.AddWrongShape(fullName, shape, stored);
            return Placeholder(shape, dtype);
        }
        DType own = stored.Type.ToDType();
        bool bothFloat = own.IsFloatingPoint() && dtype.IsFloatingPoint();
        if (own != dtype && !bothFloat)
        {
            _report.AddWrongKind(fullName, stored.Type, dtype);
            return Placeholder(shape, dtype);
        }
        if (stored.Type != StorageTypes.Of(dtype))
        {
            _report.AddConverted(fullName, stored.Type, dtype);
        }
        using var scope = TensorScope.Enter();
        Tensor value = weights.Read(fullName, dtype, device);
        return scope.Keep(trainable ? value.Clone() : value);
    }

    private static Tensor Placeholder(ReadOnlySpan<long> shape, DType dtype) => Tensor.Empty(shape, dtype, Device.Meta);
}
