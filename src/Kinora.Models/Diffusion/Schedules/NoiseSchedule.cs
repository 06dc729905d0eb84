// Variance-preserving noise over T training steps: z_t = √ᾱ_t x + √(1 − ᾱ_t) ε, ᾱ_t = ∏_{s≤t} (1 − β_s).
// Papers: Ho et al., arXiv:2006.11239, section 2 (linear); Rombach et al., arXiv:2112.10752 (scaled_linear: √β is linear);
//         Nichol & Dhariwal, arXiv:2102.09672, equation 17 (cosine); Lin et al., arXiv:2305.08891, algorithm 1 (zero terminal SNR);
//         Yang et al., "CogVideoX", arXiv:2408.06072 (SNR shift: ᾱ′ = ᾱ/(s + (1 − s) ᾱ), before the rescale).
// Names of the schedules are those of huggingface/diffusers d035dcd7 (scheduler_config.json, beta_schedule).
//
// Numerics  The published samplers compute β and ᾱ in float32 and networks were trained with those: the smallest noise level differs
//           by 3e-5 from the exact one. So values are rounded to float32 where theirs are; CogVideoX's are double throughout.

using Kinora.Engine;

namespace Kinora.Models.Diffusion.Schedules;

/// <summary>The noise levels that a diffusion network was trained with.</summary>
public sealed class NoiseSchedule
{
    private const double CosineOffset = 0.008, CosineMaximum = 0.999, SigmoidReach = 6;
    private const double SmallestTerminal = 1.0 / (1 << 24);

    private NoiseSchedule(double[] betas, double[] alphasCumprod)
    {
        Betas = betas;
        AlphasCumprod = alphasCumprod;
    }

    /// <summary>β_t, one per training step.</summary>
    public IReadOnlyList<double> Betas { get; }

    /// <summary>ᾱ_t: the share of signal in the variance, falling.</summary>
    public IReadOnlyList<double> AlphasCumprod { get; }

    /// <summary>T, the number of training steps.</summary>
    public int Count => AlphasCumprod.Count;

    /// <summary>Builds a schedule in the float32 arithmetic of the published samplers.</summary>
    /// <param name="name">linear, scaled_linear, squaredcos_cap_v2 or sigmoid.</param>
    /// <param name="start">First β.</param>
    /// <param name="end">Last β.</param>
    /// <param name="count">T.</param>
    /// <param name="trained">β given one by one instead; null for the named schedule.</param>
    /// <param name="zeroTerminalSnr">Whether ᾱ is moved so that the last one is 0.</param>
    /// <exception cref="ConfigException">The name is unknown.</exception>
    public static NoiseSchedule Create(string name, double start, double end, int count, IReadOnlyList<double>? trained = null, bool zeroTerminalSnr = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 2);
        float[] betas = trained is not null ? [.. trained.Select(b => (float)b)] : name switch
        {
            "linear" => Linspace((float)start, (float)end, count),
            "scaled_linear" => [.. Linspace((float)Math.Sqrt(start), (float)Math.Sqrt(end), count).Select(b => b * b)],
            "squaredcos_cap_v2" => [.. Enumerable.Range(0, count).Select(t => (float)Math.Min(1 - Cosine((t + 1.0) / count) / Cosine((double)t / count), CosineMaximum))],
            "sigmoid" => [.. Linspace((float)-SigmoidReach, (float)SigmoidReach, count).Select(x => (float)(1 / (1 + Math.Exp(-x)) * (end - start) + start))],
            _ => throw new ConfigException($"beta_schedule '{name}' is unknown; expected linear, scaled_linear, squaredcos_cap_v2 or sigmoid."),
        };
        if (zeroTerminalSnr)
        {
            betas = RescaleToZeroTerminal(betas);
        }
        return new NoiseSchedule([.. betas.Select(b => (double)b)], [.. Cumulative(betas).Select(a => (double)a)]);
    }

    /// <summary>Builds CogVideoX's schedule in double: scaled linear, SNR divided by <paramref name="snrShift"/>, then the rescale.</summary>
    /// <inheritdoc cref="Create"/>
    public static NoiseSchedule CreateShifted(string name, double start, double end, int count, IReadOnlyList<double>? trained, double snrShift, bool zeroTerminalSnr)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 2);
        double[] betas = trained is not null ? [.. trained] : name switch
        {
            "linear" => [.. Enumerable.Range(0, count).Select(t => start + (end - start) * t / (count - 1))],
            "scaled_linear" => [.. Enumerable.Range(0, count).Select(t => Math.Pow(Math.Sqrt(start) + (Math.Sqrt(end) - Math.Sqrt(start)) * t / (count - 1), 2))],
            "squaredcos_cap_v2" => [.. Enumerable.Range(0, count).Select(t => Math.Min(1 - Cosine((t + 1.0) / count) / Cosine((double)t / count), CosineMaximum))],
            _ => throw new ConfigException($"beta_schedule '{name}' is unknown; expected linear, scaled_linear or squaredcos_cap_v2."),
        };
        var alphas = new double[betas.Length];
        double product = 1;
        for (int t = 0; t < alphas.Length; t++)
        {
            product *= 1 - betas[t];
            alphas[t] = product / (snrShift + (1 - snrShift) * product);
        }
        if (zeroTerminalSnr)
        {
            double first = Math.Sqrt(alphas[0]), last = Math.Sqrt(alphas[^1]);
            for (int t = 0; t < alphas.Length; t++)
            {
                alphas[t] = Math.Pow((Math.Sqrt(alphas[t]) - last) * first / (first - last), 2);
            }
        }
        return new NoiseSchedule(betas, alphas);
    }

    /// <summary>The same schedule with the last ᾱ at 2⁻²⁴ instead of 0, for samplers that divide by it or take its logarithm.</summary>
    public NoiseSchedule WithFiniteTerminal() => new([.. Betas], [.. AlphasCumprod.SkipLast(1), SmallestTerminal]);

    /// <summary>√((1 − ᾱ)/ᾱ) of every training step, rising: the noise level in units of the signal.</summary>
    public double[] Sigmas() => [.. AlphasCumprod.Select(a => (double)(float)Math.Sqrt((float)(1 - a) / a))];

    /// <summary>√ᾱ_t x + √(1 − ᾱ_t) ε.</summary>
    public Tensor AddNoise(Tensor x, Tensor noise, int timestep)
    {
        double a = AlphasCumprod[timestep];
        return LinearCombination.Of((Math.Sqrt(a), x), (Math.Sqrt(1 - a), noise));
    }

    /// <summary>√ᾱ_t ε − √(1 − ᾱ_t) x: the target of v-prediction.</summary>
    public Tensor Velocity(Tensor x, Tensor noise, int timestep)
    {
        double a = AlphasCumprod[timestep];
        return LinearCombination.Of((Math.Sqrt(a), noise), (-Math.Sqrt(1 - a), x));
    }

    private static double Cosine(double u) => Math.Pow(Math.Cos((u + CosineOffset) / (1 + CosineOffset) * Math.PI / 2), 2);

    // Evenly spaced in float32, each half counted from its own end so that both ends are exact.
    private static float[] Linspace(float start, float end, int count)
    {
        float step = (end - start) / (count - 1);
        var values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = i < count / 2 ? start + step * i : end - step * (count - 1 - i);
        }
        return values;
    }

    private static float[] Cumulative(float[] betas)
    {
        var cumulative = new float[betas.Length];
        double product = 1;
        for (int t = 0; t < betas.Length; t++)
        {
            product *= 1f - betas[t];
            cumulative[t] = (float)product;
        }
        return cumulative;
    }

    private static float[] RescaleToZeroTerminal(float[] betas)
    {
        float[] signal = [.. Cumulative(betas).Select(MathF.Sqrt)];
        float first = signal[0], last = signal[^1], scale = first / (first - last);
        float[] squares = [.. signal.Select(s => (s - last) * scale).Select(s => s * s)];
        return [.. squares.Select((a, t) => 1f - (t == 0 ? a : a / squares[t - 1]))];
    }
}
