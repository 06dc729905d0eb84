using Kinora.Engine;
using Kinora.Models;
using Kinora.Models.Systems.Ltx;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>LTX-Video's autoencoder: moments, decoded clip, gradients of the decoder.</summary>
internal sealed class LtxAutoencoderRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes { get; } = ["diffusers.AutoencoderKLLTXVideo"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        var config = ModelConfigJson.ReadFile(fixture.ConfigPath, LtxJson.Default.LtxAutoencoderConfig, LtxAutoencoderConfig.Defaults);
        LtxAutoencoder network = fixture.Load(path => new LtxAutoencoder(path, config));
        if (fixture.TryInput("x") is { } clip)
        {
            Tensor moments = network.EncodeMoments(clip).Detach();
            outputs.Add("out.moments", moments);
            outputs.Add("out.mean", moments.Narrow(1, 0, config.LatentChannels));
        }
        if (fixture.TryInput("z") is { } latents)
        {
            Tensor decoded = network.Decode(latents, fixture.TryInput("temb"));
            outputs.Add("out.decoded", decoded.Detach());
            outputs.AddGradients(decoded, network.Parameters());
        }
    }
}
