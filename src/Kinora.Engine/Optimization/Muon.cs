// Muon: momentum whose matrices are orthogonalized by a Newton-Schulz iteration.
// Sources: Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024): Nesterov momentum, five iterations of the
//          quintic with (a, b, c) = (3.4445, -4.7750, 2.0315); Liu et al., "Muon is scalable for LLM training", arXiv:2502.16982,
//          section 2.2: decoupled weight decay, and the factor 0.2 √max(r, c), with which AdamW's learning rate serves both.
//
//   m ← μ m + g;  u = g + μ m;  X₀ = u / ‖u‖;  Xₖ₊₁ = a Xₖ + (b A + c A²) Xₖ with A = Xₖ Xₖᵀ;  θ ← θ (1 − η λ) − 0.2 η √max(r, c) X₅
//
// X₅ is near the closest semi-orthogonal matrix: its singular values lie between about 0.7 and 1.2.
// Numerics  Weights and momentum are float32; the iteration runs in bfloat16, which its coefficients are made for, over all matrices
//           of one shape at once.

namespace Kinora.Engine.Optimization;

/// <summary>
/// Muon for the hidden matrices, AdamW for everything else (embeddings, first and last layers, vectors).
/// A matrix without gradient is refused: matrices of one shape move together.
/// </summary>
public sealed class Muon : IOptimizer
{
    private const int Iterations = 5;
    private const double A = 3.4445, B = -4.7750, C = 2.0315, UpdateScale = 0.2, Tiny = 1e-7;
    private readonly Group[] _groups;
    private readonly AdamW _rest;
    private readonly double _momentum, _weightDecay;

    /// <summary>Takes the two-dimensional parameters that <paramref name="isHidden"/> names; <paramref name="options"/> are AdamW's for the others, and the weight decay of all.</summary>
    /// <param name="parameters">All parameters, float32.</param>
    /// <param name="isHidden">Whether the matrix of this name maps hidden features to hidden features.</param>
    /// <param name="options">AdamW's constants.</param>
    /// <param name="momentum">μ.</param>
    public Muon(IReadOnlyList<(string Name, Tensor Value)> parameters, Predicate<string> isHidden, AdamWOptions options, double momentum = 0.95)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(isHidden);
        ArgumentNullException.ThrowIfNull(options);
        using var noGrad = GradMode.NoGrad();
        bool Orthogonalized((string Name, Tensor Value) p) => p.Value.RequiresGrad && p.Value.Dim == 2 && p.Value.DType == DType.Float32 && isHidden(p.Name);
        _groups = [.. parameters.Where(Orthogonalized).GroupBy(p => (p.Value.Size(0), p.Value.Size(1))).Select(g => new Group([.. g]))];
        _rest = new AdamW(parameters.Where(p => !Orthogonalized(p)), options);
        (_momentum, _weightDecay) = (momentum, options.WeightDecay);
    }

    /// <inheritdoc/>
    public long StepCount => _rest.StepCount;

    /// <inheritdoc/>
    public IEnumerable<(string Name, Tensor Value)> State()
        => _groups.SelectMany(g => g.Names.Zip(g.Momenta, (name, momentum) => ("momentum." + name, momentum))).Concat(_rest.State());

    /// <inheritdoc/>
    public void LoadState(Func<string, Tensor> saved, long stepCount)
    {
        ArgumentNullException.ThrowIfNull(saved);
        using (GradMode.NoGrad())
        {
            using var scope = TensorScope.Enter();
            foreach (var group in _groups)
            {
                foreach (var (name, momentum) in group.Names.Zip(group.Momenta))
                    momentum.CopyInPlace(saved("momentum." + name));
            }
        }
        _rest.LoadState(saved, stepCount);
    }

    /// <inheritdoc/>
    public void Step(double learningRate, double gradientScale = 1.0)
    {
        using (GradMode.NoGrad())
        {
            foreach (var group in _groups)
                StepGroup(group, learningRate, gradientScale);
        }
        _rest.Step(learningRate, gradientScale);
    }

    /// <inheritdoc/>
    public void ZeroGrad()
    {
        foreach (var group in _groups)
        {
            foreach (var parameter in group.Parameters)
                parameter.Grad = null;
        }
        _rest.ZeroGrad();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var group in _groups)
            group.Dispose();
        _rest.Dispose();
    }

    /// <summary>Moves the singular values of each matrix of [n, r, c] near 1 and keeps its singular vectors; float32.</summary>
    public static Tensor Orthogonalize(Tensor matrices)
    {
        ArgumentNullException.ThrowIfNull(matrices);
        using var scope = TensorScope.Enter();
        bool tall = matrices.Size(1) > matrices.Size(2);
        var x = tall ? matrices.Transpose(1, 2) : matrices;                                      // [n, r, c], r ≤ c
        x = (x / (x.Square().Sum([1, 2], keepDim: true).Sqrt() + Tiny)).To(DType.BFloat16);
        for (int i = 0; i < Iterations; i++)
        {
            var a = x.Bmm(x.Transpose(1, 2));                                                    // [n, r, r]
            x = x * A + (a * B + a.Bmm(a) * C).Bmm(x);
        }
        return scope.Keep((tall ? x.Transpose(1, 2) : x).To(DType.Float32));
    }

    private void StepGroup(Group group, double learningRate, double gradientScale)
    {
        using var scope = TensorScope.Enter();
        var gradient = Tensor.Stack([.. group.Gradients()], 0);                                  // [n, r, c]
        if (gradientScale != 1.0)
            gradient = gradient * gradientScale;
        group.Momentum.MulInPlace(_momentum).AddInPlace(gradient);
        var update = Orthogonalize(gradient + group.Momentum * _momentum);
        double scale = UpdateScale * Math.Sqrt(Math.Max(gradient.Size(1), gradient.Size(2)));
        foreach (var (parameter, direction) in group.Parameters.Zip(update.Unbind(0)))
            parameter.MulInPlace(1.0 - learningRate * _weightDecay).AddInPlace(direction * (-learningRate * scale));
    }

    // Matrices of one shape, with their momenta as slices of one tensor.
    private sealed class Group : IDisposable
    {
        public Group(IReadOnlyList<(string Name, Tensor Value)> members)
        {
            Names = [.. members.Select(m => m.Name)];
            Parameters = [.. members.Select(m => m.Value)];
            var first = Parameters[0];
            Momentum = Tensor.Zeros([members.Count, first.Size(0), first.Size(1)], DType.Float32, first.Device).Own();
            Momenta = [.. Enumerable.Range(0, members.Count).Select(i => Momentum.Select(0, i).Own())];
        }

        public string[] Names { get; }

        public Tensor[] Parameters { get; }

        public Tensor Momentum { get; }

        public Tensor[] Momenta { get; }

        public IEnumerable<Tensor> Gradients() => Parameters.Select((p, i) => p.Grad ?? throw new KinoraException($"Muon: `{Names[i]}` has no gradient; leave it to AdamW or freeze it."));

        public void Dispose()
        {
            foreach (var momentum in Momenta)
                momentum.Dispose();
            Momentum.Dispose();
        }
    }
}
