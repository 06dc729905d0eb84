namespace Kinora.Engine.Optimization;

/// <summary>Moves named parameters by their gradients, and can be saved and restored exactly.</summary>
public interface IOptimizer : IDisposable
{
    /// <summary>Steps taken; part of the state.</summary>
    long StepCount { get; }

    /// <summary>Everything to save besides <see cref="StepCount"/>, by name. The tensors are live, not copies.</summary>
    IEnumerable<(string Name, Tensor Value)> State();

    /// <summary>Restores what <see cref="State"/> gave; a missing name throws.</summary>
    void LoadState(Func<string, Tensor> saved, long stepCount);

    /// <summary>One update with the gradients that the parameters hold, multiplied by <paramref name="gradientScale"/>.</summary>
    void Step(double learningRate, double gradientScale = 1.0);

    /// <summary>Drops every gradient, so that the next backward pass writes instead of adding.</summary>
    void ZeroGrad();
}
