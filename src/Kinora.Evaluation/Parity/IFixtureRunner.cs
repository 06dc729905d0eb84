namespace Kinora.Evaluation.Parity;

/// <summary>Runs fixtures of some classes through the product's own code.</summary>
public interface IFixtureRunner
{
    /// <summary>
    /// The names in <c>meta.json</c>'s "class" that this runner answers to. A fixture whose class is one of them followed by a space and
    /// further words belongs to it as well, unless another runner names it more closely.
    /// </summary>
    IReadOnlyList<string> Classes { get; }

    /// <summary>
    /// Computes what the fixture expects and hands each tensor to <paramref name="outputs"/>. What a fixture expects and a runner does
    /// not hand over counts as failed. Runs inside a tensor scope; gradients are recorded only when <see cref="Fixture.WantsGradients"/>.
    /// </summary>
    void Run(Fixture fixture, FixtureOutputs outputs);
}
