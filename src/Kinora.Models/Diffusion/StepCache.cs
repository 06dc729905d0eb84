// Step caching: between neighboring sampling steps most of a transformer says nearly the same.
// Papers: Liu et al., "Timestep Embedding Tells: It's Time to Cache for Video Diffusion Model" (TeaCache), arXiv:2411.19108, section 3.3: the
// relative L1 change of a cheap signal is summed up from step to step, and work is skipped while the sum stays below a threshold. The signal
// is what the first block adds, and what is reused is what all others add: chengzeyi/ParaAttention abcc6b78, first_block_cache/utils.py.
//     Δ₁ = block₁(x) − x;  drift ← drift + ‖Δ₁ − Δ₁'‖₁ / ‖Δ₁'‖₁  with Δ₁' of the call before
//     drift < threshold:  y = block₁(x) + R     otherwise:  y = blocks(x), R ← y − block₁(x), drift ← 0

using Kinora.Engine;

namespace Kinora.Models.Diffusion;

/// <summary>
/// Step caching for one clip. A network that is asked several things at every step (with and without the prompt) has a branch for each. The
/// first and the last call of a trajectory are always computed. Dispose frees what the branches remember.
/// </summary>
/// <param name="threshold">Drift up to which work is reused, above 0; more skips more.</param>
public sealed class StepCache(double threshold) : IDisposable
{
    /// <summary>The threshold when the user names none; see docs/cli.md for what it does to a model's clips.</summary>
    public const double DefaultThreshold = 0.1;

    private readonly Dictionary<int, Branch> _branches = [];

    /// <summary>Network calls so far.</summary>
    public int Calls => _branches.Values.Sum(b => b.Calls);

    /// <summary>Those of them in which only the first block ran.</summary>
    public int Skipped => _branches.Values.Sum(b => b.Skipped);

    /// <summary>The branch of a kind of question.</summary>
    /// <param name="kind">Any number, the same at every step.</param>
    /// <param name="whole">Whether this call is to be computed whatever the drift: true at the last step.</param>
    public Branch For(int kind, bool whole)
    {
        if (!_branches.TryGetValue(kind, out Branch? branch))
        {
            _branches[kind] = branch = new Branch(threshold);
        }
        branch.Whole = whole;
        return branch;
    }

    /// <summary>Frees everything.</summary>
    public void Dispose()
    {
        foreach (Branch branch in _branches.Values)
        {
            branch.Forget();
        }
    }

    /// <summary>What one kind of question was answered with.</summary>
    public sealed class Branch
    {
        private readonly double _threshold;
        private Tensor? _change, _rest;
        private double _drift;

        internal Branch(double threshold) => _threshold = threshold;

        internal bool Whole { get; set; }

        internal int Calls { get; private set; }

        internal int Skipped { get; private set; }

        /// <summary>Sends a stream through the blocks, or through the first alone.</summary>
        /// <param name="x">The stream before the first block; stays as it is.</param>
        /// <param name="blocks">At least one.</param>
        /// <param name="forward">(stream, block) → stream of the same shape.</param>
        public Tensor Forward<TBlock>(Tensor x, IReadOnlyList<TBlock> blocks, Func<Tensor, TBlock, Tensor> forward)
        {
            ArgumentNullException.ThrowIfNull(blocks);
            ArgumentNullException.ThrowIfNull(forward);
            using var scope = TensorScope.Enter();
            Calls++;
            Tensor first = forward(x, blocks[0]), change = first - x;
            _drift = _change is { } before && before.Shape.AsSpan().SequenceEqual(change.Shape) ? _drift + RelativeChange(change, before) : double.PositiveInfinity;
            Remember(ref _change, change);
            if (_drift < _threshold && !Whole)
            {
                Skipped++;
                return scope.Keep(first + _rest!);
            }
            Tensor y = first.Alias();
            for (int i = 1; i < blocks.Count; i++)
            {
                TensorScope.Replace(ref y, forward(y, blocks[i]));
            }
            Remember(ref _rest, y - first);
            _drift = 0;
            return scope.Keep(y);
        }

        internal void Forget()
        {
            _change?.Dispose();
            _rest?.Dispose();
            (_change, _rest) = (null, null);
        }

        private static double RelativeChange(Tensor now, Tensor before)
        {
            using var scope = TensorScope.Enter();
            return ((now - before).Abs().Mean() / before.Abs().Mean()).Item();
        }

        private static void Remember(ref Tensor? held, Tensor next)
        {
            held?.Dispose();
            held = next.Alias().Own();
        }
    }
}
