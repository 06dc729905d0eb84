using Kinora.Engine;
using Kinora.Models;
using Kinora.Models.Systems.Wan;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>Wan's transformer: one velocity, the parts' outputs, gradients.</summary>
internal sealed class WanTransformerRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes { get; } = ["diffusers.WanTransformer3DModel"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        var config = ModelConfigJson.ReadFile(fixture.ConfigPath, WanJson.Default.WanTransformerConfig, WanTransformerConfig.Defaults);
        WanTransformer network = fixture.Load(path => new WanTransformer(path, config));
        Tensor x = fixture.Input("hidden_states");
        if (fixture.WantsGradients)
        {
            x.RequiresGradInPlace();
        }
        Tensor sample;
        using (ForwardTrace.Listen((name, output) => outputs.Add("mid." + name, output.Detach())))
        {
            sample = network.Forward(x, fixture.Input("timestep"), fixture.Input("encoder_hidden_states"), fixture.TryInput("encoder_hidden_states_image"));
        }
        outputs.Add("out.sample", sample.Detach());
        outputs.AddGradients(sample, network.Parameters());
        if (x.Grad is { } gradient)
        {
            outputs.Add("grad.in.hidden_states", gradient);
        }
    }
}
