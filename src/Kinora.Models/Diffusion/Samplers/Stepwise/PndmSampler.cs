// Pseudo linear multistep (Adams-Bashforth of order 4 on ε), begun either by pseudo Runge-Kutta steps or by one repeated step.
// Paper: Liu et al., "Pseudo numerical methods for diffusion models on manifolds", arXiv:2202.09778, equations 11 to 14.
//     transfer: z_s = √(ᾱ_s/ᾱ_t) z_t − (ᾱ_s − ᾱ_t) ε / (ᾱ_t √(1 − ᾱ_s) + √(ᾱ_t (1 − ᾱ_t) ᾱ_s))
// Stable Diffusion's configuration skips the Runge-Kutta steps: the second timestep is visited twice, and its two ε are averaged.

using Kinora.Engine;
using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

internal sealed class PndmSampler(NoiseSchedule training, PredictionType prediction, double finalAlpha, double[] rungeKutta, double[] multistep, int stride) : StepwiseSampler([.. rungeKutta, .. multistep])
{
    private const int Order = 4;
    private readonly TensorHistory _epsilons = new(Order);
    private readonly TensorHistory _begin = new(1);
    private readonly TensorHistory _sum = new(1);
    private int _calls;

    public override NoiseSchedule Training => training;

    /// <summary>The Runge-Kutta calls, then the multistep calls, for N steps.</summary>
    public static (double[] RungeKutta, double[] Multistep) Calls(double[] falling, bool skipRungeKutta, int stride)
    {
        double[] rising = [.. falling.Reverse()];
        if (skipRungeKutta)
        {
            return ([], rising.Length < 2 ? falling : [.. rising.SkipLast(1).Append(rising[^2]).Append(rising[^1]).Reverse()]);
        }
        double[] pairs = [.. rising.TakeLast(Order).SelectMany(t => new[] { t, t + stride / 2 })];
        double[] doubled = [.. pairs.SkipLast(1).SelectMany(t => new[] { t, t })];
        return ([.. doubled.Skip(1).SkipLast(1).Reverse()], [.. rising.SkipLast(Order - 1).Reverse()]);
    }

    public override Tensor AddNoise(Tensor x, Tensor noise, double timestep) => training.AddNoise(x, noise, (int)timestep);

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        Tensor next = _calls < rungeKutta.Length ? RungeKutta(output, x) : Multistep(output, (int)Timesteps[call], x);
        _calls++;
        return new StepwiseResult(next, null);
    }

    protected override void Dispose(bool disposing)
    {
        _epsilons.Dispose();
        _begin.Dispose();
        _sum.Dispose();
        base.Dispose(disposing);
    }

    private Tensor RungeKutta(Tensor output, Tensor x)
    {
        int stage = _calls % Order, t = (int)rungeKutta[_calls - stage];
        if (stage == 0)
        {
            _epsilons.Push(output);
            _begin.Push(x);
            _sum.Push(output * (1.0 / 6));
        }
        else
        {
            _sum.Push(LinearCombination.Of((1, _sum[0]), (stage == 3 ? 1.0 / 6 : 1.0 / 3, output)));
        }
        int to = (int)Timesteps[_calls] - (stage % 2 == 0 ? stride / 2 : 0);
        return Transfer(stage == 3 ? _sum[0] : output, _begin[0], t, to);
    }

    private Tensor Multistep(Tensor output, int t, Tensor x)
    {
        if (_calls == 1)
        {
            // The repeated step: the second ε at the first step's end, then the first step anew from its beginning.
            return Transfer(LinearCombination.Of((0.5, output), (0.5, _epsilons[0])), _begin[0], t + stride, t);
        }
        _epsilons.Push(output);
        if (_calls == 0)
        {
            _begin.Push(x);
        }
        TensorHistory e = _epsilons;
        Tensor epsilon = e.Count switch
        {
            1 => output,
            2 => LinearCombination.Of((1.5, e[0]), (-0.5, e[1])),
            3 => LinearCombination.Of((23 / 12.0, e[0]), (-16 / 12.0, e[1]), (5 / 12.0, e[2])),
            _ => LinearCombination.Of((55 / 24.0, e[0]), (-59 / 24.0, e[1]), (37 / 24.0, e[2]), (-9 / 24.0, e[3])),
        };
        return Transfer(epsilon, x, t, t - stride);
    }

    private Tensor Transfer(Tensor output, Tensor z, int from, int to)
    {
        double a = training.AlphasCumprod[Math.Min(from, training.Count - 1)], s = to >= 0 ? training.AlphasCumprod[to] : finalAlpha;
        Tensor epsilon = Prediction.Noise(prediction, output, z, Math.Sqrt(a), Math.Sqrt(1 - a));
        return LinearCombination.Of((Math.Sqrt(s / a), z), (-(s - a) / (a * Math.Sqrt(1 - s) + Math.Sqrt(a * (1 - a) * s)), epsilon));
    }
}
