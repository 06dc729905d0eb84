// Gradient clipping by the global norm: g ← g · min(1, c / (‖g‖ + 1e-6)), ‖g‖ over all gradients together.
// Paper: Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", arXiv:1211.5063, algorithm 1.

namespace Kinora.Engine.Optimization;

/// <summary>The global gradient norm and the factor that limits it.</summary>
public static class GradientClipping
{
    private const double Small = 1e-6;

    /// <summary>The 2-norm over all gradients as a zero-dimensional float32 tensor on their device; no host synchronization.</summary>
    public static Tensor GlobalNorm(IEnumerable<Tensor> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        var norms = new List<Tensor>();
        foreach (var parameter in parameters)
        {
            if (parameter.Grad is { } gradient)
                norms.Add(gradient.To(DType.Float32).Norm());
        }
        return scope.Keep(norms.Count == 0 ? Tensor.Zeros([]) : Tensor.Stack(norms, 0).Norm());
    }

    /// <summary>What to multiply gradients of norm <paramref name="norm"/> by so that they do not exceed <paramref name="maxNorm"/>; 1 when <paramref name="maxNorm"/> is 0.</summary>
    public static double Factor(double norm, double maxNorm) => maxNorm <= 0 ? 1.0 : Math.Min(1.0, maxNorm / (norm + Small));

    /// <summary>Scales the gradients in place, as torch's <c>clip_grad_norm_</c>; returns the norm before.</summary>
    public static double ClipInPlace(IReadOnlyCollection<Tensor> parameters, double maxNorm)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        double norm = GlobalNorm(parameters).Item();
        double factor = Factor(norm, maxNorm);
        if (factor < 1.0)
        {
            foreach (var parameter in parameters)
                parameter.Grad?.MulInPlace(factor);
        }
        return norm;
    }
}
