// Exponential moving average of weights: θ̄ ← μ θ̄ + (1 − μ) θ, kept in float32.
// Warm-up of μ as in huggingface/diffusers EMAModel (training_utils.py): min(μ, (1 + k) / (10 + k)), or 1 − (1 + k)^−p.

namespace Kinora.Engine.Optimization;

/// <summary>How the average's decay rises and where it ends.</summary>
public sealed record ExponentialMovingAverageOptions
{
    /// <summary>The decay μ in the long run.</summary>
    public double Decay { get; init; } = 0.9999;

    /// <summary>The smallest decay after the first updates.</summary>
    public double MinDecay { get; init; }

    /// <summary>Updates that only copy, before averaging begins.</summary>
    public long UpdateAfter { get; init; }

    /// <summary>p of the warm-up 1 − (1 + k)^−p; 0 chooses (1 + k) / (10 + k).</summary>
    public double WarmupPower { get; init; }
}

/// <summary>A float32 running average of parameters, which is what sampling uses.</summary>
public sealed class ExponentialMovingAverage : IDisposable
{
    private readonly ExponentialMovingAverageOptions _options;
    private readonly (string Name, Tensor Parameter, Tensor Average)[] _entries;
    private bool _applied;

    /// <summary>Starts from a copy of <paramref name="parameters"/>.</summary>
    public ExponentialMovingAverage(IEnumerable<(string Name, Tensor Value)> parameters, ExponentialMovingAverageOptions options)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        _options = options;
        using var noGrad = GradMode.NoGrad();
        _entries = [.. parameters.Select(p =>
        {
            using var scope = TensorScope.Enter();
            return (p.Name, p.Value, p.Value.Detach().To(DType.Float32).Clone().Own());
        })];
    }

    /// <summary>Updates made; part of the state.</summary>
    public long UpdateCount { get; set; }

    /// <summary>The averages by parameter name: live tensors, float32.</summary>
    public IEnumerable<(string Name, Tensor Value)> State() => _entries.Select(e => (e.Name, e.Average));

    /// <summary>The decay that update number <paramref name="update"/> (from 1) uses.</summary>
    public double DecayAt(long update)
    {
        long k = Math.Max(0, update - _options.UpdateAfter - 1);
        if (k == 0)
            return 0.0;
        double decay = _options.WarmupPower > 0 ? 1.0 - Math.Pow(1.0 + k, -_options.WarmupPower) : (1.0 + k) / (10.0 + k);
        return Math.Max(_options.MinDecay, Math.Min(decay, _options.Decay));
    }

    /// <summary>Averages the parameters' present values in.</summary>
    public void Update()
    {
        using var noGrad = GradMode.NoGrad();
        double decay = DecayAt(++UpdateCount);
        foreach (var (_, parameter, average) in _entries)
        {
            using var scope = TensorScope.Enter();
            average.LerpInPlace(parameter.Detach().To(DType.Float32), 1.0 - decay);
        }
    }

    /// <summary>Restores the averages; a missing name throws.</summary>
    public void LoadState(Func<string, Tensor> saved, long updateCount)
    {
        ArgumentNullException.ThrowIfNull(saved);
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        foreach (var (name, _, average) in _entries)
            average.CopyInPlace(saved(name));
        UpdateCount = updateCount;
    }

    /// <summary>Exchanges the parameters' values with the averages until the result is disposed; the training values come back bit for bit.</summary>
    public IDisposable Apply()
    {
        if (_applied)
            throw new InvalidOperationException("The averaged weights are already applied.");
        _applied = true;
        using var noGrad = GradMode.NoGrad();
        var training = new Tensor[_entries.Length];
        for (int i = 0; i < _entries.Length; i++)
        {
            using var scope = TensorScope.Enter();
            training[i] = _entries[i].Parameter.Detach().Clone().Own();
            _entries[i].Parameter.CopyInPlace(_entries[i].Average);
        }
        return new Applied(this, training);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, _, average) in _entries)
            average.Dispose();
    }

    private sealed class Applied(ExponentialMovingAverage owner, Tensor[] training) : IDisposable
    {
        private bool _disposed;

        public void Dispose()
        {
            if (_disposed)
                return;
            _disposed = true;
            using var noGrad = GradMode.NoGrad();
            for (int i = 0; i < training.Length; i++)
            {
                owner._entries[i].Parameter.CopyInPlace(training[i]);
                training[i].Dispose();
            }
            owner._applied = false;
        }
    }
}
