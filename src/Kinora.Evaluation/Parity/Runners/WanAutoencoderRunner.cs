using Kinora.Engine;
using Kinora.Models;
using Kinora.Models.Systems.Wan;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>Wan's video autoencoder: moments, mean, decoded clip, gradients of the decoder.</summary>
internal sealed class WanAutoencoderRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes { get; } = ["diffusers.AutoencoderKLWan"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        var config = ModelConfigJson.ReadFile(fixture.ConfigPath, WanJson.Default.WanAutoencoderConfig, WanAutoencoderConfig.Defaults);
        WanAutoencoder network = fixture.Load(path => new WanAutoencoder(path, config));
        if (fixture.TryInput("x") is { } clip)
        {
            Tensor moments = network.EncodeMoments(clip).Detach();
            outputs.Add("out.moments", moments);
            outputs.Add("out.mean", moments.Narrow(1, 0, config.ZDim));
        }
        if (fixture.TryInput("z") is { } latents)
        {
            Tensor decoded = network.Decode(latents);
            outputs.Add("out.decoded", decoded.Detach());
            outputs.AddGradients(decoded, network.Parameters());
        }
    }
}
