using Kinora.Engine;
using Kinora.Models;
using Kinora.Models.Systems.CogVideoX;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>CogVideoX's video autoencoder: moments, mean, decoded clip, gradients of the decoder.</summary>
internal sealed class CogVideoXAutoencoderRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes { get; } = ["diffusers.AutoencoderKLCogVideoX"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        var config = ModelConfigJson.ReadFile(fixture.ConfigPath, CogVideoXJson.Default.CogVideoXAutoencoderConfig, CogVideoXAutoencoderConfig.Defaults);
        CogVideoXAutoencoder network = fixture.Load(path => new CogVideoXAutoencoder(path, config));
        if (fixture.TryInput("x") is { } clip)
        {
            Tensor moments = network.EncodeMoments(clip).Detach();
            outputs.Add("out.moments", moments);
            outputs.Add("out.mean", moments.Narrow(1, 0, config.LatentChannels));
        }
        if (fixture.TryInput("z") is { } latents)
        {
            Tensor decoded = network.Decode(latents);
            outputs.Add("out.decoded", decoded.Detach());
            outputs.AddGradients(decoded, network.Parameters());
        }
    }
}
