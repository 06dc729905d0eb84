// The updates of DPM-Solver: exponential integrators of orders 1 to 3 in λ, on x₀ (++) or on ε, as ODE or SDE.
// Papers: Lu et al., "DPM-Solver", arXiv:2206.00927, section 3 (ε); "DPM-Solver++", arXiv:2211.01095, section 4 and appendix (x₀, SDE).
//
// With h = λ_t − λ_s, a Taylor polynomial D₀ + D₁ λ + ½ D₂ λ² of the prediction around s gives
//     x_t = K x + P₀ D₀ + P₁ D₁ + P₂ D₂ + S n
//     ++      K = σ_t/σ_s          g₀ = e^{−h} − 1       P₀ = −α_t g₀   P₁ = α_t (g₀/h + 1)     P₂ = −α_t ((g₀ + h)/h² − ½)
//     ε       K = α_t/α_s          g₀ = e^{h} − 1        P₀ = −σ_t g₀   P₁ = −σ_t (g₀/h − 1)    P₂ = −σ_t ((g₀ − h)/h² − ½)
//     ++ SDE  K = σ_t/σ_s e^{−h}   g₀ = 1 − e^{−2h}      P₀ = α_t g₀    P₁ = α_t (1 − g₀/2h)    P₂ = α_t ((g₀ − 2h)/(2h)² − ½)   S = σ_t √(1 − e^{−2h})
//     ε SDE   K = α_t/α_s          g₀ = e^{h} − 1        P₀ = −2σ_t g₀  P₁ = −2σ_t (g₀/h − 1)                                    S = σ_t √(e^{2h} − 1)
// P₂ of the SDE is that of huggingface/diffusers d035dcd7; the Taylor coefficient has + ½.
// The "midpoint" kind of order 2 uses P₁ = P₀/2.

using Kinora.Engine;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

/// <summary>Which integral is approximated.</summary>
internal enum DpmAlgorithm
{
    /// <summary>On x₀, deterministic: dpmsolver++.</summary>
    Clean,

    /// <summary>On ε, deterministic: dpmsolver.</summary>
    Noise,

    /// <summary>On x₀, with noise: sde-dpmsolver++.</summary>
    CleanSde,

    /// <summary>On ε, with noise: sde-dpmsolver.</summary>
    NoiseSde,
}

/// <summary>The coefficients of one update from (α, σ)_s to (α, σ)_t.</summary>
internal readonly record struct DpmSolverUpdate(double Keep, double Zeroth, double First, double Second, double Noise)
{
    /// <summary>The algorithm of a scheduler_config.json's name.</summary>
    public static DpmAlgorithm Parse(string name) => name switch
    {
        "dpmsolver++" or "deis" => DpmAlgorithm.Clean, // "deis": a DEIS file whose class was exchanged
        "dpmsolver" => DpmAlgorithm.Noise,
        "sde-dpmsolver++" => DpmAlgorithm.CleanSde,
        "sde-dpmsolver" => DpmAlgorithm.NoiseSde,
        _ => throw new ConfigException($"algorithm_type '{name}' is unknown; expected dpmsolver, dpmsolver++, sde-dpmsolver or sde-dpmsolver++."),
    };

    /// <summary>Coefficients for a step of length <paramref name="h"/> in λ.</summary>
    public static DpmSolverUpdate Of(DpmAlgorithm algorithm, double h, double alphaFrom, double sigmaFrom, double alphaTo, double sigmaTo)
    {
        switch (algorithm)
        {
            case DpmAlgorithm.Clean:
            {
                double g = Math.Exp(-h) - 1;
                return new(sigmaTo / sigmaFrom, -alphaTo * g, alphaTo * (g / h + 1), -alphaTo * ((g + h) / (h * h) - 0.5), 0);
            }
            case DpmAlgorithm.Noise:
            {
                double g = Math.Exp(h) - 1;
                return new(alphaTo / alphaFrom, -sigmaTo * g, -sigmaTo * (g / h - 1), -sigmaTo * ((g - h) / (h * h) - 0.5), 0);
            }
            case DpmAlgorithm.CleanSde:
            {
                double g = 1 - Math.Exp(-2 * h);
                return new(sigmaTo / sigmaFrom * Math.Exp(-h), alphaTo * g, alphaTo * (1 - g / (2 * h)), alphaTo * ((g - 2 * h) / (4 * h * h) - 0.5), sigmaTo * Math.Sqrt(g));
            }
            default:
            {
                double g = Math.Exp(h) - 1;
                return new(alphaTo / alphaFrom, -2 * sigmaTo * g, -2 * sigmaTo * (g / h - 1), 0, sigmaTo * Math.Sqrt(Math.Exp(2 * h) - 1));
            }
        }
    }

    /// <summary>Keep·x + Zeroth·d₀, plus noise when the algorithm has some.</summary>
    public Tensor Apply(Tensor x, Tensor d0, Tensor? noise) => WithNoise(LinearCombination.Of((Keep, x), (Zeroth, d0)), noise);

    /// <summary>Adds the first derivative; <paramref name="midpoint"/> weighs it by half the zeroth coefficient.</summary>
    public Tensor Apply(Tensor x, Tensor d0, Tensor d1, bool midpoint, Tensor? noise) =>
        WithNoise(LinearCombination.Of((Keep, x), (Zeroth, d0), (midpoint ? Zeroth / 2 : First, d1)), noise);

    /// <summary>Adds the first and second derivative.</summary>
    public Tensor Apply(Tensor x, Tensor d0, Tensor d1, Tensor d2, Tensor? noise) =>
        WithNoise(LinearCombination.Of((Keep, x), (Zeroth, d0), (First, d1), (Second, d2)), noise);

    private Tensor WithNoise(Tensor x, Tensor? noise) => noise is null ? x : x.AddInPlace(noise, Noise);
}
