using Kinora.Engine;
using Kinora.Models.Systems.StableVideoDiffusion;
using Kinora.Models;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>The U-Net of Stable Video Diffusion.</summary>
internal sealed class UNetSpatioTemporalRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes => ["diffusers." + UNetSpatioTemporalConfig.Name];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        var config = UNetSpatioTemporalConfig.Read(ConfigText.OfFile(fixture.ConfigPath));
        UNetSpatioTemporal unet = fixture.Load(path => new UNetSpatioTemporal(path, config));
        Tensor sample = fixture.Input("sample"), context = fixture.Input("encoder_hidden_states");
        if (fixture.WantsGradients)
        {
            sample.RequiresGradInPlace();
            context.RequiresGradInPlace();
        }
        using var trace = ForwardTrace.Listen((name, value) => outputs.Add("mid." + name, value));
        Tensor predicted = unet.Forward(sample, fixture.Input("timestep").Reshape(-1), context, fixture.Input("added_time_ids"));
        outputs.Add("out.sample", predicted);
        outputs.AddGradients(predicted, unet.Parameters());
        if (fixture.WantsGradients)
        {
            outputs.Add("grad.in.sample", sample.Grad!);
            outputs.Add("grad.in.encoder_hidden_states", context.Grad!);
        }
    }
}
