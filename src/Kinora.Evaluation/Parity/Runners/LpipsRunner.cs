using Kinora.Models.Systems.Lpips;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>LPIPS with VGG-16, between two pictures and of one with itself.</summary>
internal sealed class LpipsRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes { get; } = ["taming.modules.losses.lpips.LPIPS"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        var network = fixture.Load(path => new LpipsVgg(path));
        outputs.Add("out.lpips", network.Forward(fixture.Input("a"), fixture.Input("b")));
        outputs.Add("out.lpips_self", network.Forward(fixture.Input("a"), fixture.Input("a")));
    }
}
