using Kinora.Engine;
using Kinora.Models.Systems.ModelScope;
using Kinora.Models;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>The U-Net of ModelScope text-to-video and ZeroScope.</summary>
internal sealed class UNet3DRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes => ["diffusers." + UNet3DConfig.Name];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        var config = UNet3DConfig.Read(ConfigText.OfFile(fixture.ConfigPath));
        UNet3D unet = fixture.Load(path => new UNet3D(path, config));
        Tensor sample = fixture.Input("sample"), text = fixture.Input("encoder_hidden_states");
        if (fixture.WantsGradients)
        {
            sample.RequiresGradInPlace();
            text.RequiresGradInPlace();
        }
        using var trace = ForwardTrace.Listen((name, value) => outputs.Add("mid." + name, value));
        Tensor predicted = unet.Forward(sample, fixture.Input("timestep").Reshape(-1), text, fixture.TryInput("timestep_cond"));
        outputs.Add("out.sample", predicted);
        outputs.AddGradients(predicted, unet.Parameters());
        if (fixture.WantsGradients)
        {
            outputs.Add("grad.in.sample", sample.Grad!);
            outputs.Add("grad.in.encoder_hidden_states", text.Grad!);
        }
    }
}
