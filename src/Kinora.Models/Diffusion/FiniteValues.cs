using System.Globalization;
using Kinora.Engine;

namespace Kinora.Models.Diffusion;

/// <summary>Stops where values leave the numbers, instead of decoding a black or gray clip at the end.</summary>
internal static class FiniteValues
{
    private const string Remedy = "Narrow types overflow in some networks: run with --dtype fp32. If that does not help, look into the weights with `kinora models inspect --values`.";

    /// <summary>Checks latents after a sampling step: one sum, in which NaN and infinity survive.</summary>
    /// <param name="latents">Any shape.</param>
    /// <param name="step">Which step it was, from 1.</param>
    /// <param name="steps">Steps in all.</param>
    /// <exception cref="NumericException">There is a NaN or an infinity.</exception>
    public static void AfterStep(Tensor latents, int step, int steps) => Check(latents, () => string.Create(CultureInfo.InvariantCulture, $"step {step} of {steps} made latents"));

    /// <summary>Checks what an autoencoder made.</summary>
    /// <inheritdoc cref="AfterStep"/>
    public static void AfterDecoding(Tensor pixels) => Check(pixels, () => "the autoencoder made pixels");

    private static void Check(Tensor values, Func<string> who)
    {
        using var scope = TensorScope.Enter();
        if (double.IsFinite(values.Sum().Item()))
        {
            return;
        }
        long wrong = values.NumElements - (long)values.IsFinite().Sum().Item();
        if (wrong > 0)
        {
            throw new NumericException(string.Create(CultureInfo.InvariantCulture, $"{who()} of which {wrong} of {values.NumElements} values are NaN or infinite. {Remedy}"));
        }
    }
}
