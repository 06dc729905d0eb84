using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>The small autoencoder of previews.</summary>
internal sealed class AutoencoderTinyRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes => ["diffusers." + AutoencoderTinyConfig.Name];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        var config = AutoencoderTinyConfig.Read(ConfigText.OfFile(fixture.ConfigPath));
        AutoencoderTiny vae = fixture.Load(path => new AutoencoderTiny(path, config));
        outputs.Add("out.latents", vae.Encode(fixture.Input("x")));
        outputs.Add("out.decoded", vae.Decode(fixture.Input("z")));
    }
}
