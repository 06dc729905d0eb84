using Kinora.Engine;

namespace Kinora.Models.Diffusion;

/// <summary>Σ cᵢ tᵢ: what almost every sampler step is, with the coefficients in double on the host.</summary>
internal static class LinearCombination
{
    /// <summary>The sum over all terms; the tensors have one shape.</summary>
    public static Tensor Of(params ReadOnlySpan<(double Coefficient, Tensor Value)> terms)
    {
        Tensor sum = terms[0].Value * terms[0].Coefficient;
        foreach (var (coefficient, value) in terms[1..])
        {
            sum.AddInPlace(value, coefficient);
        }
        return sum;
    }
}
