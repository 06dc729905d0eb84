// Optimizers of published recipes besides AdamW, as update rules of one tensor each. Equations as in pytorch v1.13 (torch/optim) and,
// for Adafactor, huggingface/transformers v4.45 (optimization.py).
//
// Numerics  State and updates are float32.

namespace Kinora.Engine.Optimization;

/// <summary>What an optimizer remembers about one parameter, and how a gradient moves it.</summary>
public abstract class UpdateRule : IDisposable
{
    private readonly Dictionary<string, Tensor> _state = new(StringComparer.Ordinal);

    /// <summary>Updates made.</summary>
    protected long StepCount { get; private set; }

    /// <summary>Moves the parameter in place.</summary>
    /// <param name="parameter">Float32.</param>
    /// <param name="gradient">Of the same shape.</param>
    /// <param name="learningRate">η of this step.</param>
    public void Step(Tensor parameter, Tensor gradient, double learningRate)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        ArgumentNullException.ThrowIfNull(gradient);
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        StepCount++;
        Update(parameter, gradient.To(DType.Float32), learningRate);
    }

    /// <summary>Frees the state.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        foreach (Tensor tensor in _state.Values)
            tensor.Dispose();
        _state.Clear();
    }

    protected abstract void Update(Tensor p, Tensor g, double eta);

    /// <summary>A remembered tensor, zero at first.</summary>
    protected Tensor State(string name, ReadOnlySpan<long> shape)
    {
        if (!_state.TryGetValue(name, out Tensor? tensor))
            _state.Add(name, tensor = Tensor.Zeros(shape).Own());
        return tensor;
    }

    /// <summary>m ← decay · m + (1 − decay) · x</summary>
    protected static Tensor Average(Tensor m, Tensor x, double decay) => m.MulInPlace(decay).AddInPlace(x, 1 - decay);
}

/// <summary>Stochastic gradient descent with momentum (Sutskever et al., ICML 2013); the first velocity is the gradient itself.</summary>
public sealed class SgdRule(double momentum = 0, double dampening = 0, bool nesterov = false, double weightDecay = 0) : UpdateRule
{
    protected override void Update(Tensor p, Tensor g, double eta)
    {
        g = g.Add(p, weightDecay);
        if (momentum != 0)
        {
            Tensor velocity = State("velocity", p.Shape).MulInPlace(momentum).AddInPlace(g, StepCount == 1 ? 1 : 1 - dampening);
            g = nesterov ? g.Add(velocity, momentum) : velocity;
        }
        p.AddInPlace(g, -eta);
    }
}

/// <summary>Adam (Kingma &amp; Ba, arXiv:1412.6980) with decay as a gradient (L2) or decoupled, and AMSGrad (Reddi et al., arXiv:1904.09237).</summary>
public sealed class AdamRule(double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8, double weightDecay = 0, bool decoupled = false, bool amsgrad = false) : UpdateRule
{
    protected override void Update(Tensor p, Tensor g, double eta)
    {
        if (decoupled)
            p.MulInPlace(1 - eta * weightDecay);
        else
            g = g.Add(p, weightDecay);
        Tensor m = Average(State("m", p.Shape), g, beta1), v = Average(State("v", p.Shape), g.Square(), beta2);
        if (amsgrad)
        {
            Tensor largest = State("largest", p.Shape);
            v = largest.CopyInPlace(largest.Maximum(v));
        }
        p.AddcdivInPlace(m, v.Sqrt() / Math.Sqrt(1 - Math.Pow(beta2, StepCount)) + epsilon, -eta / (1 - Math.Pow(beta1, StepCount)));
    }
}

/// <summary>Root mean squares of gradients (Tieleman &amp; Hinton 2012; centered: Graves, arXiv:1308.0850).</summary>
public sealed class RmsPropRule(double alpha = 0.99, double epsilon = 1e-8, double momentum = 0, bool centered = false) : UpdateRule
{
    protected override void Update(Tensor p, Tensor g, double eta)
    {
        Tensor v = Average(State("v", p.Shape), g.Square(), alpha);
        if (centered)
            v -= Average(State("m", p.Shape), g, alpha).Square();
        Tensor step = g / (v.Sqrt() + epsilon);
        p.AddInPlace(momentum > 0 ? State("velocity", p.Shape).MulInPlace(momentum).AddInPlace(step) : step, -eta);
    }
}

/// <summary>Sums of squares (Duchi et al., JMLR 2011).</summary>
public sealed class AdagradRule(double epsilon = 1e-10) : UpdateRule
{
    protected override void Update(Tensor p, Tensor g, double eta) => p.AddcdivInPlace(g, State("sum", p.Shape).AddInPlace(g.Square()).Sqrt() + epsilon, -eta);
}

/// <summary>Adam with the largest instead of the mean square (Kingma &amp; Ba, arXiv:1412.6980, section 7.1).</summary>
public sealed class AdamaxRule(double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8) : UpdateRule
{
    protected override void Update(Tensor p, Tensor g, double eta)
    {
        Tensor m = Average(State("m", p.Shape), g, beta1), u = State("u", p.Shape);
        u.CopyInPlace((u * beta2).Maximum(g.Abs() + epsilon));
        p.AddcdivInPlace(m, u, -eta / (1 - Math.Pow(beta1, StepCount)));
    }
}

/// <summary>Adam whose adaptive rate begins when its variance is known (Liu et al., arXiv:1908.03265, algorithm 2).</summary>
public sealed class RAdamRule(double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8) : UpdateRule
{
    private const double KnownLength = 5;

    protected override void Update(Tensor p, Tensor g, double eta)
    {
        Tensor m = Average(State("m", p.Shape), g, beta1), v = Average(State("v", p.Shape), g.Square(), beta2);
        double correction2 = 1 - Math.Pow(beta2, StepCount), longest = 2 / (1 - beta2) - 1;
        double length = longest - 2 * StepCount * Math.Pow(beta2, StepCount) / correction2;
        double rate = -eta / (1 - Math.Pow(beta1, StepCount));
        if (length <= KnownLength)
        {
            p.AddInPlace(m, rate);
            return;
        }
        double rectification = Math.Sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length));
        p.AddcdivInPlace(m, v.Sqrt() + epsilon, rate * rectification * Math.Sqrt(correction2));
    }
}

/// <summary>Adam with Nesterov's momentum on a rising schedule (Dozat 2016).</summary>
/// <remarks>The look-ahead product holds μ_t twice, as pytorch v1.13 computes it; the paper's holds it once.</remarks>
public sealed class NAdamRule(double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8, double momentumDecay = 4e-3) : UpdateRule
{
    private const double ScheduleBase = 0.96;
    private double _product = 1;

    protected override void Update(Tensor p, Tensor g, double eta)
    {
        double mu = Momentum(StepCount), next = Momentum(StepCount + 1);
        _product *= mu;
        Tensor m = Average(State("m", p.Shape), g, beta1), v = Average(State("v", p.Shape), g.Square(), beta2);
        Tensor denominator = (v / (1 - Math.Pow(beta2, StepCount))).Sqrt() + epsilon;
        p.AddcdivInPlace(g, denominator, -eta * (1 - mu) / (1 - _product)).AddcdivInPlace(m, denominator, -eta * next / (1 - _product * mu * next));
    }

    private double Momentum(long step) => beta1 * (1 - 0.5 * Math.Pow(ScheduleBase, step * momentumDecay));
}

/// <summary>Factored second moments (Shazeer &amp; Stern, arXiv:1804.04235, algorithms 4 and 5).</summary>
/// <remarks>With <paramref name="relativeStep"/> the rate is min(10⁻², 1/√t), or 10⁻⁶ t instead of 10⁻² with <paramref name="warmupInit"/>; the caller's rate is not used.</remarks>
public sealed class AdafactorRule(bool scaleParameter, bool relativeStep, bool warmupInit = false, double? beta1 = null, double weightDecay = 0, double clip = 1, double decayRate = -0.8) : UpdateRule
{
    private const double SquareEpsilon = 1e-30, ScaleEpsilon = 1e-3, LargestRelative = 1e-2, WarmupRelative = 1e-6;

    protected override void Update(Tensor p, Tensor g, double eta)
    {
        double rate = relativeStep ? Math.Min(warmupInit ? WarmupRelative * StepCount : LargestRelative, 1 / Math.Sqrt(StepCount)) : eta;
        rate *= scaleParameter ? Math.Max(ScaleEpsilon, RootMeanSquare(p)) : 1;
        double beta2 = 1 - Math.Pow(StepCount, decayRate);
        Tensor squares = g.Square() + SquareEpsilon, update;
        if (p.Dim >= 2)
        {
            Tensor rows = Average(State("rows", p.Shape.AsSpan(..^1)), squares.Mean([-1]), beta2);
            Tensor columns = Average(State("columns", [.. p.Shape.AsSpan(..^2), p.Shape[^1]]), squares.Mean([-2]), beta2);
            update = (rows / rows.Mean([-1], keepDim: true)).Rsqrt().Unsqueeze(-1) * columns.Rsqrt().Unsqueeze(-2) * g;
        }
        else
        {
            update = Average(State("v", p.Shape), squares, beta2).Rsqrt() * g;
        }
        update *= rate / Math.Max(1, RootMeanSquare(update) / clip);
        if (beta1 is { } decay)
            update = Average(State("m", p.Shape), update, decay);
        p.MulInPlace(1 - weightDecay * rate).SubInPlace(update);
    }

    private static double RootMeanSquare(Tensor x) => x.Norm().Item() / Math.Sqrt(x.NumElements);
}
