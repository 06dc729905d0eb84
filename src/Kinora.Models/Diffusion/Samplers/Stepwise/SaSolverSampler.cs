// SA-Solver: Adams predictor and corrector of a family of SDEs whose share of noise is τ; τ = 0 is the ODE, τ = 1 the SDE of DDPM.
// Paper: Xue et al., "SA-Solver", arXiv:2309.05019: solution of the SDE in λ (proposition 4.2), predictor (equation 14), corrector (equation 17),
//        noise prediction (appendix A.2.4). Orders, default of τ and the changed order 2: huggingface/diffusers 0711d708, schedulers/scheduling_sasolver.py.
//
// With c = 1 + τ² on x₀ and c = −1 on ε, h = λ_t − λ_s, and Lᵢ the Lagrange polynomials of the predictions mᵢ in u = λ − λ_t,
//     bᵢ = ∫_{−h}^{0} e^{cu} Lᵢ(u) du
//     x₀   x_t = σ_t/σ_s e^{−τ²h} x_s + (1 + τ²) α_t Σ bᵢ mᵢ + σ_t √(1 − e^{−2τ²h}) n
//     ε    x_t = α_t/α_s x_s − (1 + τ²) σ_t Σ bᵢ mᵢ + τ σ_t √(e^{2h} − 1) n
// The predictor has the predictions at s and before; the corrector the one at t too, and the noise and τ of the predictor's step.
// Two points on x₀: ∫ e^{cu} (u + h) du, the weight of the slope, is replaced by h²/2, which differs by O(h³).

using Kinora.Engine;
using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

/// <summary>Orders of SA-Solver.</summary>
/// <param name="Predictor">Predictions that the predictor reads, 1 to 4.</param>
/// <param name="Corrector">Predictions that the corrector reads, the newest included, 1 to 4.</param>
/// <param name="LowerFinal">Lower both towards the end.</param>
internal sealed record SaSolverOrders(int Predictor, int Corrector, bool LowerFinal);

internal sealed class SaSolverSampler(
    NoiseSchedule training, PredictionType prediction, CleanLimit limit, bool isFlow, SaSolverOrders orders, bool onClean, Func<double, double> tau, double[] timesteps, double[] sigmas)
    : LogSnrSampler(training, prediction, limit, isFlow, timesteps, sigmas)
{
    // As published: noise in the middle of the trained timesteps, none at both ends.
    private const double NoiseFrom = 200, NoiseTo = 800;

    private readonly TensorHistory _predictions = new(Math.Max(orders.Predictor, orders.Corrector));
    private readonly TensorHistory _from = new(1), _noise = new(1);
    private int _corrects, _remembered;

    /// <summary>τ of a timestep where the caller gives none.</summary>
    public static double PublishedTau(double timestep) => timestep is >= NoiseFrom and <= NoiseTo ? 1 : 0;

    public override Tensor AddNoise(Tensor x, Tensor noise, double timestep) => IsFlow ? base.AddNoise(x, noise, timestep) : Training!.AddNoise(x, noise, (int)timestep);

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        Tensor m = onClean ? Clean(output, x, call) : Epsilon(output, x, call);
        _predictions.Push(m);
        if (_from.Count > 0)
        {
            x = Update(_from[0], call - 1, first: call, _corrects, _noise[0]);
        }
        int left = Timesteps.Count - call, predicts = Math.Min(orders.Predictor, _remembered + 1), corrects = Math.Min(orders.Corrector, _remembered + 2);
        (predicts, _corrects) = orders.LowerFinal ? (Math.Min(predicts, left), Math.Min(corrects, left + 1)) : (predicts, corrects);
        _remembered = Math.Min(_remembered + 1, Math.Max(orders.Predictor, orders.Corrector - 1));
        _from.Push(x);
        _noise.Push(noise());
        return new StepwiseResult(Update(x, call, first: call, predicts, _noise[0]), onClean ? m : null);
    }

    protected override void Dispose(bool disposing)
    {
        _predictions.Dispose();
        _from.Dispose();
        _noise.Dispose();
        base.Dispose(disposing);
    }

    // From level s to s + 1 with the predictions at the levels first, first − 1, …
    private Tensor Update(Tensor x, int s, int first, int order, Tensor noise)
    {
        double h = Lambda(s + 1) - Lambda(s), tau2 = Math.Pow(tau(Timesteps[s]), 2), c = onClean ? 1 + tau2 : -1;
        double keep = onClean ? Sigma(s + 1) / Sigma(s) * Math.Exp(-tau2 * h) : Alpha(s + 1) / Alpha(s);
        double scale = onClean ? (1 + tau2) * Alpha(s + 1) : -(1 + tau2) * Sigma(s + 1);
        double std = Sigma(s + 1) * Math.Sqrt(onClean ? 1 - Math.Exp(-2 * tau2 * h) : tau2 * (Math.Exp(2 * h) - 1));
        double[] nodes = [.. Enumerable.Range(0, order).Select(i => Lambda(first - i) - Lambda(s + 1))];
        double[] weights = Weights(nodes, h, c, twoPointSlope: onClean ? h * h / 2 : null);
        Tensor next = LinearCombination.Of((keep, x), (std, noise));
        for (int i = 0; i < order; i++)
        {
            next.AddInPlace(_predictions[i], scale * weights[i]);
        }
        return next;
    }

    // ∫ e^{cu} Lᵢ(u) du over [−h, 0] for every node.
    private static double[] Weights(double[] nodes, double h, double c, double? twoPointSlope)
    {
        // ∫ e^{cu} u^k du by parts.
        var moments = new double[nodes.Length];
        double left = Math.Exp(-c * h);
        for (int k = 0; k < moments.Length; k++)
        {
            moments[k] = ((k == 0 ? 1 : 0) - Math.Pow(-h, k) * left - (k == 0 ? 0 : k * moments[k - 1])) / c;
        }
        if (nodes.Length == 2 && twoPointSlope is { } integral)
        {
            double between = nodes[0] - nodes[1], newestAtBegin = (-h - nodes[1]) / between;
            return [moments[0] * newestAtBegin + integral / between, moments[0] * (1 - newestAtBegin) - integral / between];
        }
        return [.. nodes.Select((node, i) =>
        {
            double[] polynomial = [1];
            double scale = 1;
            for (int j = 0; j < nodes.Length; j++)
            {
                if (j != i)
                {
                    polynomial = TimesRoot(polynomial, nodes[j]);
                    scale *= node - nodes[j];
                }
            }
            return polynomial.Zip(moments, (a, b) => a * b).Sum() / scale;
        })];
    }

    // p(u) (u − root), lowest power first.
    private static double[] TimesRoot(double[] p, double root) =>
        [.. Enumerable.Range(0, p.Length + 1).Select(k => (k > 0 ? p[k - 1] : 0) - (k < p.Length ? root * p[k] : 0))];
}
