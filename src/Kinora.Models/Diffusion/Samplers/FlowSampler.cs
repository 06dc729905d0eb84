using Kinora.Engine;

namespace Kinora.Models.Diffusion.Samplers;

/// <summary>Integrates a flow from the first noise level to the last.</summary>
/// <param name="velocity">(x, σ) → v of x's shape.</param>
/// <param name="x">Noise at the first level.</param>
/// <param name="sigmas">Falling noise levels.</param>
/// <param name="onStep">Called after every step.</param>
public delegate Tensor FlowSampler(Func<Tensor, double, Tensor> velocity, Tensor x, IReadOnlyList<double> sigmas, Action<SamplerStep>? onStep = null);

/// <summary>The flow samplers by the names that people type and files hold.</summary>
public static class FlowSamplers
{
    private static readonly (string Name, FlowSampler Sampler)[] Table =
    [
        ("euler", EulerSampler.Sample),
        ("heun", HeunSampler.Sample),
        ("dpm++", DpmSolverSampler.Sample),
        ("unipc", UniPcSampler.Sample),
    ];

    /// <summary>Every name.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Table.Select(row => row.Name)];

    /// <summary>The sampler of a name, or null.</summary>
    public static FlowSampler? Find(string name) => Table.FirstOrDefault(row => row.Name == name).Sampler;
}
