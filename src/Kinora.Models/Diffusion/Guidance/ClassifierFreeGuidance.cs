// Classifier-free guidance: away from what the empty prompt predicts, toward what the prompt predicts.
// Papers: Ho & Salimans, arXiv:2207.12598 (there w = g − 1); Lin et al., arXiv:2305.08891, section 3.4 (rescaling).
//     o = o_u + g (o_c − o_u);  o' = φ o std(o_c)/std(o) + (1 − φ) o

using Kinora.Engine;

namespace Kinora.Models.Diffusion.Guidance;

/// <summary>Combines predictions with and without the prompt.</summary>
public static class ClassifierFreeGuidance
{
    /// <summary>o_u + g (o_c − o_u). A scale of 1 returns the conditional prediction itself.</summary>
    /// <param name="unconditional">Prediction for the empty or negative prompt, [B, …].</param>
    /// <param name="conditional">Prediction for the prompt, [B, …].</param>
    /// <param name="scale">g: 1 follows the prompt as learned, more exaggerates it.</param>
    /// <param name="rescale">φ in [0, 1]: how far each sample's standard deviation is brought back to the conditional one.</param>
    public static Tensor Combine(Tensor unconditional, Tensor conditional, double scale, double rescale = 0)
    {
        if (scale == 1)
        {
            return conditional;
        }
        using var scope = TensorScope.Enter();
        Tensor guided = unconditional + (conditional - unconditional) * scale;
        if (rescale > 0)
        {
            guided = guided * (StdPerSample(conditional) / StdPerSample(guided) * rescale + (1 - rescale));
        }
        return scope.Keep(guided);
    }

    /// <summary>
    /// Turns a network over a doubled batch into a guided one over the batch itself: both predictions come from a single call.
    /// </summary>
    /// <param name="unconditionalThenConditional">(x, σ) → prediction, for x that holds the batch twice: first without, then with the prompt.</param>
    /// <param name="scale">g.</param>
    /// <param name="rescale">φ.</param>
    public static Func<Tensor, double, Tensor> Guide(Func<Tensor, double, Tensor> unconditionalThenConditional, double scale, double rescale = 0)
    {
        ArgumentNullException.ThrowIfNull(unconditionalThenConditional);
        return (x, sigma) =>
        {
            using var scope = TensorScope.Enter();
            Tensor[] both = unconditionalThenConditional(Tensor.Cat([x, x], 0), sigma).Chunk(2, 0);
            return scope.Keep(Combine(both[0], both[1], scale, rescale));
        };
    }

    private static Tensor StdPerSample(Tensor x)
    {
        using var scope = TensorScope.Enter();
        long[] shape = [x.Size(0), .. Enumerable.Repeat(1L, x.Dim - 1)];
        return scope.Keep(x.Flatten(1).Var([1], unbiased: true).Sqrt().Reshape(shape));
    }
}
