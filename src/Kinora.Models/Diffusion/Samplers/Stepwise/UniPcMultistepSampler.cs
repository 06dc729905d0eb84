// UniPC: each step's prediction is corrected once the network has seen it, at no further call.
// Paper: Zhao et al., arXiv:2302.04867, algorithms 1 to 4 and appendix (B₁ = hh, B₂ = e^{hh} − 1).
//     hh = −h on x₀, h on ε;  φ₁ = e^{hh} − 1, φ_{k+1} = φ_k/hh − 1/k!;  rows rᵢ^{k−1} of R with r = (λ_{s−i} − λ_s)/h, …, 1;  b_k = φ_{k+1} k!/B
//     x_t = K x − C (φ₁ m₀ + B Σᵢ ρᵢ (mᵢ − m₀)/rᵢ), R ρ = b, with K = σ_t/σ_s, C = α_t on x₀ and K = α_t/α_s, C = σ_t on ε
//     predictor of order p: the first p − 1 rows and columns (order 2: ρ = ½); corrector: all, with the new prediction last (order 1: ρ = ½)

using Kinora.Engine;
using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

internal sealed class UniPcMultistepSampler(
    NoiseSchedule? training, PredictionType prediction, CleanLimit limit, bool isFlow, int solverOrder, bool onClean, bool plainB, bool lowerFinal, int[] withoutCorrector, double[] timesteps, double[] sigmas)
    : LogSnrSampler(training, prediction, limit, isFlow, timesteps, sigmas)
{
    private readonly TensorHistory _predictions = new(solverOrder + 1);
    private readonly TensorHistory _from = new(1);
    private int _lastOrder, _steps;

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        Tensor m = onClean ? Clean(output, x, call) : Epsilon(output, x, call);
        if (_from.Count > 0 && !withoutCorrector.Contains(call - 1))
        {
            x = Update(_from[0], call - 1, _lastOrder, m);
        }
        _predictions.Push(m);
        _from.Push(x);
        _lastOrder = Math.Min(lowerFinal ? Math.Min(solverOrder, Timesteps.Count - call) : solverOrder, ++_steps);
        return new StepwiseResult(Update(x, call, _lastOrder, corrector: null), onClean ? m : null);
    }

    protected override void Dispose(bool disposing)
    {
        _predictions.Dispose();
        _from.Dispose();
        base.Dispose(disposing);
    }

    // From level s to s + 1, with the predictions at s, s − 1, …; corrector is the prediction at s + 1, null when predicting.
    private Tensor Update(Tensor x, int s, int order, Tensor? corrector)
    {
        double h = Lambda(s + 1) - Lambda(s), hh = onClean ? -h : h, phi1 = Math.Exp(hh) - 1, b = plainB ? hh : phi1;
        double keep = onClean ? Sigma(s + 1) / Sigma(s) : Alpha(s + 1) / Alpha(s), scale = onClean ? Alpha(s + 1) : Sigma(s + 1);
        double[] r = [.. Enumerable.Range(1, order - 1).Select(i => (Lambda(s - i) - Lambda(s)) / h), 1];
        double[] rho = Weights(r, hh, phi1, b, corrector is null ? order - 1 : order);
        Tensor next = LinearCombination.Of((keep, x), (-scale * phi1, _predictions[0]));
        for (int i = 0; i < order - 1; i++)
        {
            double weight = -scale * b * rho[i] / r[i];
            next.AddInPlace(_predictions[i + 1], weight).AddInPlace(_predictions[0], -weight);
        }
        if (corrector is not null)
        {
            double weight = -scale * b * rho[^1];
            next.AddInPlace(corrector, weight).AddInPlace(_predictions[0], -weight);
        }
        return next;
    }

    private static double[] Weights(double[] r, double hh, double phi1, double b, int count)
    {
        bool predictorOfOrder2 = count == 1 && r.Length == 2, correctorOfOrder1 = count == 1 && r.Length == 1;
        if (predictorOfOrder2 || correctorOfOrder1)
        {
            return [0.5];
        }
        var matrix = new double[count, count + 1];
        double phi = phi1 / hh - 1, factorial = 1;
        for (int k = 0; k < count; k++)
        {
            for (int i = 0; i < count; i++)
            {
                matrix[k, i] = Math.Pow(r[i], k);
            }
            matrix[k, count] = phi * factorial / b;
            factorial *= k + 2;
            phi = phi / hh - 1 / factorial;
        }
        return Solve(matrix, count);
    }

    // Gaussian elimination with row exchange.
    private static double[] Solve(double[,] m, int n)
    {
        for (int column = 0; column < n; column++)
        {
            int pivot = column;
            for (int row = column + 1; row < n; row++)
            {
                pivot = Math.Abs(m[row, column]) > Math.Abs(m[pivot, column]) ? row : pivot;
            }
            for (int k = 0; k <= n; k++)
            {
                (m[column, k], m[pivot, k]) = (m[pivot, k], m[column, k]);
            }
            for (int row = 0; row < n; row++)
            {
                double factor = row == column ? 0 : m[row, column] / m[column, column];
                for (int k = column; k <= n; k++)
                {
                    m[row, k] -= factor * m[column, k];
                }
            }
        }
        return [.. Enumerable.Range(0, n).Select(i => m[i, n] / m[i, i])];
    }
}
