// AdamW: Adam with decoupled weight decay.
// Paper: Loshchilov & Hutter, "Decoupled weight decay regularization", arXiv:1711.05101, algorithm 2 (with the schedule multiplier
// folded into the learning rate, as in torch.optim.AdamW).
//
//   θ ← θ (1 − η λ);  m ← β₁ m + (1 − β₁) g;  v ← β₂ v + (1 − β₂) g²;  θ ← θ − η (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
//
// Numerics  Moments and updates are float32. A parameter of another dtype has a float32 master copy that takes the update.

using Kinora.Engine.Native;

namespace Kinora.Engine.Optimization;

/// <summary>AdamW's constants other than the learning rate, which is passed to every step.</summary>
public sealed record AdamWOptions
{
    /// <summary>Decay of the first moment.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the second moment.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Decoupled weight decay λ; the step shrinks a weight by η λ.</summary>
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>Whether vectors (biases, norm gains) decay too. torch decays everything it is given; transformers usually decay matrices only.</summary>
    public bool DecayVectors { get; init; }
}

/// <summary>
/// The AdamW optimizer over named parameters. On the CPU one native call updates all parameters; elsewhere, and when
/// <paramref name="fused"/> is false, the same equations run as tensor operators. A parameter without gradient is left alone,
/// but the step count that corrects the moments' bias is one for all.
/// </summary>
public sealed class AdamW : IOptimizer
{
    private readonly AdamWOptions _options;
    private readonly Slot[] _slots;
    private readonly bool _fused;

    /// <summary>Makes the moments (zeros) for <paramref name="parameters"/>; the order is kept.</summary>
    public AdamW(IEnumerable<(string Name, Tensor Value)> parameters, AdamWOptions options, bool fused = true)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        _options = options;
        _fused = fused;
        using var noGrad = GradMode.NoGrad();
        _slots = [.. parameters.Where(p => p.Value.RequiresGrad).Select(p => new Slot(p.Name, p.Value))];
    }

    /// <summary>Steps taken; part of the state.</summary>
    public long StepCount { get; private set; }

    /// <summary>The parameters this optimizer moves.</summary>
    public IEnumerable<(string Name, Tensor Value)> Parameters => _slots.Select(s => (s.Name, s.Parameter));

    /// <summary>Everything to save besides <see cref="StepCount"/>: moments and master copies by name. The tensors are live, not copies.</summary>
    public IEnumerable<(string Name, Tensor Value)> State()
    {
        foreach (var slot in _slots)
        {
            yield return ("exp_avg." + slot.Name, slot.FirstMoment);
            yield return ("exp_avg_sq." + slot.Name, slot.SecondMoment);
            if (!ReferenceEquals(slot.Master, slot.Parameter))
                yield return ("master." + slot.Name, slot.Master);
        }
    }

    /// <summary>Restores moments and master copies from <paramref name="saved"/>; a missing name throws.</summary>
    public void LoadState(Func<string, Tensor> saved, long stepCount)
    {
        ArgumentNullException.ThrowIfNull(saved);
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        foreach (var (name, value) in State())
            value.CopyInPlace(saved(name));
        StepCount = stepCount;
    }

    /// <summary>One update with the gradients that the parameters hold, multiplied by <paramref name="gradientScale"/>.</summary>
    public void Step(double learningRate, double gradientScale = 1.0)
    {
        using var noGrad = GradMode.NoGrad();
        StepCount++;
        StepGroup(learningRate, gradientScale, decays: true);
        StepGroup(learningRate, gradientScale, decays: false);
    }

    /// <summary>Drops every gradient, so that the next backward pass writes instead of adding.</summary>
    public void ZeroGrad()
    {
        foreach (var slot in _slots)
            slot.Parameter.Grad = null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var slot in _slots)
            slot.Dispose();
    }

    private void StepGroup(double learningRate, double gradientScale, bool decays)
    {
        double weightDecay = decays ? _options.WeightDecay : 0.0;
        using var scope = TensorScope.Enter();
        var active = new List<(Slot Slot, Tensor Gradient)>(_slots.Length);
        foreach (var slot in _slots)
        {
            if ((_options.DecayVectors || slot.Parameter.Dim > 1) == decays && slot.Parameter.Grad is { } gradient)
                active.Add((slot, gradient));
        }
        if (active.Count == 0)
            return;
        if (_fused && active[0].Slot.Master.Device.Type == DeviceType.Cpu)
        {
            StepNative(active, learningRate, gradientScale, weightDecay);
        }
        else
        {
            foreach (var (slot, gradient) in active)
                StepByOperators(slot, gradient, learningRate, gradientScale, weightDecay);
        }
        foreach (var (slot, _) in active)
        {
            if (!ReferenceEquals(slot.Master, slot.Parameter))
                slot.Parameter.CopyInPlace(slot.Master);
        }
    }

    private unsafe void StepNative(List<(Slot Slot, Tensor Gradient)> active, double learningRate, double gradientScale, double weightDecay)
    {
        int n = active.Count;
        var handles = new nint[4 * n];
        for (int i = 0; i < n; i++)
        {
            handles[i] = active[i].Slot.Master.Handle;
            handles[n + i] = active[i].Gradient.Handle;
            handles[2 * n + i] = active[i].Slot.FirstMoment.Handle;
            handles[3 * n + i] = active[i].Slot.SecondMoment.Handle;
        }
        fixed (nint* p = handles)
        {
            NativeLoader.Check(NativeMethods.kn_adamw(p, p + n, p + 2 * n, p + 3 * n, n, learningRate, _options.Beta1, _options.Beta2, _options.Epsilon, weightDecay, StepCount, gradientScale));
        }
    }

    private void StepByOperators(Slot slot, Tensor gradient, double learningRate, double gradientScale, double weightDecay)
    {
        using var scope = TensorScope.Enter();
        double beta1 = _options.Beta1, beta2 = _options.Beta2;
        double correction1 = 1.0 - Math.Pow(beta1, StepCount);
        double correction2 = Math.Sqrt(1.0 - Math.Pow(beta2, StepCount));
        var g = gradient.To(DType.Float32);
        if (gradientScale != 1.0)
            g = g * gradientScale;
        slot.FirstMoment.MulInPlace(beta1).AddInPlace(g * (1.0 - beta1));
        slot.SecondMoment.MulInPlace(beta2).AddInPlace(g * g * (1.0 - beta2));
        var denominator = slot.SecondMoment.Sqrt() / correction2 + _options.Epsilon;
        slot.Master.MulInPlace(1.0 - learningRate * weightDecay).AddInPlace(slot.FirstMoment / denominator * (-learningRate / correction1));
    }

    private sealed class Slot : IDisposable
    {
        public Slot(string name, Tensor parameter)
        {
            (Name, Parameter) = (name, parameter);
            Master = parameter.DType == DType.Float32 ? parameter : parameter.Detach().To(DType.Float32).Own();
            FirstMoment = Tensor.Zeros(parameter.Shape, DType.Float32, parameter.Device).Own();
            SecondMoment = Tensor.Zeros(parameter.Shape, DType.Float32, parameter.Device).Own();
        }

        public string Name { get; }

        public Tensor Parameter { get; }

        public Tensor Master { get; }

        public Tensor FirstMoment { get; }

        public Tensor SecondMoment { get; }

        public void Dispose()
        {
            FirstMoment.Dispose();
            SecondMoment.Dispose();
            if (!ReferenceEquals(Master, Parameter))
                Master.Dispose();
        }
    }
}
