using Kinora.Engine;

namespace Kinora.Training.Loop;

/// <summary>
/// Sums of metrics since the last log line. They stay where they were computed until they are asked for, so that a step on a GPU does
/// not wait for the host. Sums are double: a restored window continues with the same bits.
/// </summary>
internal sealed class MetricWindow : IDisposable
{
    private readonly double[] _host;
    private Tensor? _device;

    public MetricWindow(int count, IReadOnlyList<double> sums)
    {
        _host = new double[count];
        for (int i = 0; i < Math.Min(count, sums.Count); i++)
            _host[i] = sums[i];
    }

    /// <summary>Adds scalars times <paramref name="weight"/> to the first sums.</summary>
    public void Add(IReadOnlyList<Tensor> metrics, double weight)
    {
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        var values = Tensor.Stack([.. metrics.Select(m => m.To(DType.Float64))], 0) * weight;
        if (_device is null)
            _device = values.Own();
        else
            _device.AddInPlace(values);
    }

    /// <summary>Adds a value of the host to the last sum.</summary>
    public void AddLast(double value) => _host[^1] += value;

    /// <summary>The sums; waits for the device.</summary>
    public double[] Sums()
    {
        if (_device is not null)
        {
            using var scope = TensorScope.Enter();
            double[] sums = _device.To(Device.Cpu).ToArray<double>();
            for (int i = 0; i < sums.Length; i++)
                _host[i] += sums[i];
            _device.Dispose();
            _device = null;
        }
        return [.. _host];
    }

    /// <summary>Starts again from zero.</summary>
    public void Clear()
    {
        Array.Clear(_host);
        _device?.Dispose();
        _device = null;
    }

    /// <inheritdoc/>
    public void Dispose() => _device?.Dispose();
}
