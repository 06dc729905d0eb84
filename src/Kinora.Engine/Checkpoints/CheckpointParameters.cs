namespace Kinora.Engine.Checkpoints;

/// <summary>
/// Parameters read from a checkpoint. Differences are gathered while the network is built, so that one message names all of them:
/// read <see cref="Report"/> afterwards and throw unless it is empty. Until then a parameter that could not be read is a meta tensor.
/// </summary>
/// <param name="weights">The weights; it may be disposed once the network is built.</param>
/// <param name="trainable">Whether parameters take part in training; they are then copies instead of views of the file.</param>
/// <param name="isOmitted">Tensors of the file that the network leaves out on purpose.</param>
/// <param name="storage">In which form matrices and kernels stay in memory; parameters that are trained are always tensors.</param>
/// <param name="streamed">Whether matrices and kernels stay in the file and pass through memory block by block.</param>
public sealed class CheckpointParameters(IWeights weights, bool trainable = false, Func<string, bool>? isOmitted = null,
    WeightStorage storage = WeightStorage.Auto, bool streamed = false) : IParameterSource
{
    private readonly WeightStream? _stream = streamed && !trainable ? new WeightStream() : null;
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
    public Tensor Get(string fullName, ReadOnlySpan<long> shape, Init init, DType dtype, Device device) =>
        Check(fullName, shape, dtype) is null ? Placeholder(shape, dtype) : Read(weights, fullName, dtype, device);

    /// <inheritdoc/>
    public Weight GetWeight(string fullName, ReadOnlySpan<long> shape, Init init, DType dtype, Device device)
    {
        if (Check(fullName, shape, dtype) is not { } stored)
        {
            return new ResidentWeight(Placeholder(shape, dtype));
        }
        bool streams = _stream is not null && device.Type == DeviceType.Cpu;
        StorageType? form = trainable || !dtype.IsFloatingPoint() ? null : streams ? stored.Type : storage.FormOf(stored.Type, dtype);
        form = form is { } wanted && StoredWeight.CanStayOn(device, wanted) ? form : null;
        return weights is ILayeredWeights layered && layered.IsLayered(fullName, form is not null)
            ? layered.Over(fullName, ReadWeight(layered.Base, fullName, shape, stored, form, streams, dtype, device))
            : ReadWeight(weights, fullName, shape, stored, form, streams, dtype, device);
    }

    private Weight ReadWeight(IWeights from, string fullName, ReadOnlySpan<long> shape, StoredTensor stored, StorageType? form, bool streams, DType dtype, Device device)
    {
        if (form is not { } kept)
        {
            return new ResidentWeight(Read(from, fullName, dtype, device));
        }
        using var scope = TensorScope.Enter();
        // What the file stores needs no conversion.
        if (kept == stored.Type)
        {
            if (_stream is not null)
            {
                _stream.Name = fullName;
            }
            // A change on top (a LoRA) or another order of elements leaves nothing in the file to come back to.
            if (from.ReadStored(fullName) is not { } elements || !elements.Shape.SequenceEqual(shape.ToArray()))
            {
                return new ResidentWeight(scope.Keep(Read(from, fullName, dtype, device)));
            }
            // Weights that pass through memory are not brought in to be looked at.
            if (!streams && !FiniteCheck.IsFinite(elements))
            {
                _report.AddNotFinite(fullName);
            }
            return StoredWeight.Of(elements, dtype, device, streams ? _stream : null);
        }
        if (kept is StorageType.Float16 or StorageType.BFloat16)
        {
            return new StoredWeight(kept, shape.ToArray(), Read(from, fullName, kept.ToDType(), device), null, dtype, device);
        }
        StoredElements? source = from.ReadStored(fullName);
        Tensor? whole = source is null ? Read(from, fullName, DType.Float32, device) : null;
        return StoredWeight.Quantize(kept, shape, (start, count) =>
        {
            if (source?.Rows(start, count) is not { } part)
            {
                return (whole ??= Read(from, fullName, DType.Float32, device)).Narrow(0, start, count);
            }
            return Checked(fullName, part.ToTensor(DType.Float32, device, copy: true));
        }, dtype, device);
    }

    /// <summary>How the weights store a parameter, or null after noting why it cannot be read.</summary>
    private StoredTensor? Check(string fullName, ReadOnlySpan<long> shape, DType dtype)
    {
        if (_complete)
        {
            throw new InvalidOperationException($"parameter '{fullName}' was created after the load report was read.");
        }
        _used.Add(fullName);
        if (weights.Find(fullName) is not { } stored)
        {
            _report.AddMissing(fullName);
            return null;
        }
        if (!shape.SequenceEqual([.. stored.Shape]))
        {
            _report.AddWrongShape(fullName, shape, stored);
            return null;
        }
        DType own = stored.Type.ToDType();
        bool bothFloat = own.IsFloatingPoint() && dtype.IsFloatingPoint();
        if (own != dtype && !bothFloat)
        {
            _report.AddWrongKind(fullName, stored.Type, dtype);
            return null;
        }
        if (stored.Type != StorageTypes.Of(dtype))
        {
            _report.AddConverted(fullName, stored.Type, dtype);
        }
        return stored;
    }

    private Tensor Read(IWeights from, string name, DType dtype, Device device)
    {
        using var scope = TensorScope.Enter();
        Tensor value = trainable ? from.ReadStored(name)?.ToTensor(dtype, device, copy: true) ?? from.Read(name, dtype, device).Clone() : from.Read(name, dtype, device);
        return scope.Keep(Checked(name, value));
    }

    // Noted once, however many pieces a weight is read in.
    private Tensor Checked(string name, Tensor value)
    {
        if (!FiniteCheck.IsFinite(value) && !_report.NotFinite.Contains(name))
        {
            _report.AddNotFinite(name);
        }
        return value;
    }

    private static Tensor Placeholder(ReadOnlySpan<long> shape, DType dtype) => Tensor.Empty(shape, dtype, Device.Meta);
}
