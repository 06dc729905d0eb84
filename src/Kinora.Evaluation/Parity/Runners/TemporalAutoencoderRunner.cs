using Kinora.Engine;
using Kinora.Models.Modules;
using Kinora.Models.Systems.StableVideoDiffusion;
using Kinora.Models;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>The autoencoder of Stable Video Diffusion.</summary>
internal sealed class TemporalAutoencoderRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes => ["diffusers." + TemporalAutoencoderConfig.Name];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        var config = TemporalAutoencoderConfig.Read(ConfigText.OfFile(fixture.ConfigPath));
        TemporalAutoencoder vae = fixture.Load(path => new TemporalAutoencoder(path, config));
        using var trace = ForwardTrace.Listen((name, value) => outputs.Add("mid." + name, value));
        Tensor moments = vae.EncodeMoments(fixture.Input("x"));
        DiagonalGaussian posterior = DiagonalGaussian.FromMoments(moments);
        outputs.Add("out.moments", moments);
        outputs.Add("out.mean", posterior.Mean);
        outputs.Add("out.std", posterior.StandardDeviation());
        Tensor decoded = vae.Decode(fixture.Input("z"), (long)fixture.Input("num_frames").Item());
        outputs.Add("out.decoded", decoded);
        outputs.AddGradients(decoded, vae.Parameters());
    }
}
