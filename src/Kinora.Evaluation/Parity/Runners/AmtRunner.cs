using Kinora.Engine;
using Kinora.Models.Systems.Amt;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>AMT-S: refined flows at both ends of the decoder, and the picture between two.</summary>
internal sealed class AmtRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes { get; } = ["AMT-S"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        var network = fixture.Load(path => new AmtModel(path));
        Tensor middle = network.Forward(fixture.Input("img0"), fixture.Input("img1"), out Tensor coarse, out Tensor fine);
        outputs.Add("mid.flow_4", coarse);
        outputs.Add("mid.flow_2", fine);
        outputs.Add("out.middle", middle);
    }
}
