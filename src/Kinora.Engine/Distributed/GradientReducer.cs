// Data-parallel gradients: averaged over processes in flat buckets, so that the network sees few large messages.
// Li et al., "PyTorch Distributed: experiences on accelerating data parallel training", arXiv:2006.15704, section 3.2.
//
// While one bucket travels, the next is filled. The last parameters come first: their gradients are complete first.

using Kinora.Engine.Native;

namespace Kinora.Engine.Distributed;

/// <summary>Averages the gradients of a fixed list of parameters over a group.</summary>
public sealed class GradientReducer : IDisposable
{
    private const long BucketBytes = 25L << 20;
    private readonly ProcessGroup _group;
    private readonly List<Bucket> _buckets = [];

    /// <summary>Lays <paramref name="parameters"/> out in buckets; every process must pass the same list.</summary>
    public GradientReducer(ProcessGroup group, IReadOnlyList<Tensor> parameters)
    {
        ArgumentNullException.ThrowIfNull(group);
        ArgumentNullException.ThrowIfNull(parameters);
        _group = group;
        var items = new List<Tensor>();
        long bytes = 0;
        for (int i = parameters.Count - 1; i >= 0; i--)
        {
            items.Add(parameters[i]);
            bytes += parameters[i].NumElements * sizeof(float);
            if (bytes >= BucketBytes || i == 0)
            {
                _buckets.Add(new Bucket(items));
                items = [];
                bytes = 0;
            }
        }
    }

    /// <summary>Replaces every gradient with its mean over the group. A process without a gradient counts as zero.</summary>
    public void Reduce()
    {
        if (_group.WorldSize == 1)
            return;
        using var noGrad = GradMode.NoGrad();
        var pending = new PendingReduce[_buckets.Count];
        for (int i = 0; i < pending.Length; i++)
        {
            _buckets[i].Gather();
            pending[i] = _group.BeginAllReduce(_buckets[i].Flat);
        }
        for (int i = 0; i < pending.Length; i++)
        {
            pending[i].Wait();
            _buckets[i].Flat.MulInPlace(1.0 / _group.WorldSize);
            _buckets[i].Scatter();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var bucket in _buckets)
            bucket.Dispose();
    }

    private sealed class Bucket : IDisposable
    {
        private readonly Tensor[] _parameters;
        private readonly Tensor[] _views;

        public Bucket(List<Tensor> parameters)
        {
            using var noGrad = GradMode.NoGrad();
            _parameters = [.. parameters];
            Flat = Tensor.Zeros([parameters.Sum(p => p.NumElements)], DType.Float32, parameters[0].Device).Own();
            _views = new Tensor[_parameters.Length];
            long offset = 0;
            for (int i = 0; i < _views.Length; i++)
            {
                using var scope = TensorScope.Enter();
                _views[i] = Flat.Narrow(0, offset, _parameters[i].NumElements).View(_parameters[i].Shape).Own();
                offset += _parameters[i].NumElements;
            }
        }

        public Tensor Flat { get; }

        public void Gather()
        {
            for (int i = 0; i < _views.Length; i++)
            {
                using var scope = TensorScope.Enter();
                if (_parameters[i].Grad is { } gradient)
                    _views[i].CopyInPlace(gradient);
                else
                    _views[i].ZeroInPlace();
            }
        }

        // The gradient becomes the bucket's own memory: no copy back. Backward writes a new one at the next step.
        public void Scatter()
        {
            for (int i = 0; i < _views.Length; i++)
                _parameters[i].Grad = _views[i];
        }

        public void Dispose()
        {
            foreach (var view in _views)
                view.Dispose();
            Flat.Dispose();
        }
    }
}
