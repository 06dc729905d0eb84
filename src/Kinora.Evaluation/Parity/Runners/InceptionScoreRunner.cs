using Kinora.Engine;
using Kinora.Evaluation.Distributions;
using Kinora.Evaluation.Features;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>Inception score over 1, 5 and 10 splits.</summary>
internal sealed class InceptionScoreRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes { get; } = ["Inception Score"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        FeatureMatrix probabilities = FrechetRunner.Matrix(fixture, "probs");
        double relative = fixture.Meta.GetProperty("tolerance_advice").GetProperty("rel").GetDouble();
        foreach (int splits in new[] { 1, 5, 10 })
        {
            InceptionScoreValue value = InceptionScore.Of(probabilities, splits);
            outputs.Add($"out.is_mean_splits{splits}", Tensor.FromArray([value.Mean], 1), new Tolerance(0, relative));
            outputs.Add($"out.is_std_splits{splits}", Tensor.FromArray([value.Deviation], 1), new Tolerance(0, relative));
        }
    }
}
