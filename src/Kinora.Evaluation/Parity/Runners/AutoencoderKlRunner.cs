using Kinora.Engine;
using Kinora.Models.Modules;
using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>The autoencoder of Stable Diffusion, whole and in tiles.</summary>
internal sealed class AutoencoderKlRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes => ["diffusers." + AutoencoderKlConfig.Name];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        var config = AutoencoderKlConfig.Read(ConfigText.OfFile(fixture.ConfigPath));
        AutoencoderKl vae = fixture.Load(path => new AutoencoderKl(path, config));
        TileGeometry? tiling = fixture.Arguments.ValueKind == System.Text.Json.JsonValueKind.Object && fixture.Arguments.TryGetProperty("tile_sample_min_size", out var side)
            ? new TileGeometry(side.GetInt32(), fixture.Arguments.GetProperty("tile_latent_min_size").GetInt32(), fixture.Arguments.GetProperty("tile_overlap_factor").GetDouble())
            : null;
        Tensor x = fixture.Input("x");
        if (fixture.WantsGradients)
        {
            x.RequiresGradInPlace();
        }
        Tensor moments;
        using (ForwardTrace.Listen((name, value) => outputs.Add("mid." + name, value)))
        {
            moments = tiling is { } tiles ? tiles.Encode(x, part => vae.EncodeMoments(part)) : vae.EncodeMoments(x);
            outputs.Add("out.decoded", Decode(fixture.Input("z")));
        }
        outputs.Add("out.moments", moments);
        DiagonalGaussian posterior = DiagonalGaussian.FromMoments(moments);
        outputs.Add("out.mean", posterior.Mean);
        outputs.Add("out.std", posterior.StandardDeviation());
        outputs.Add("out.kl", posterior.KullbackLeibler());
        if (fixture.TryInput("noise") is { } noise)
        {
            outputs.Add("out.sample_with_noise", posterior.Sample(noise));
        }
        if (!outputs.Wants("out.roundtrip"))
        {
            return;
        }
        Tensor roundtrip = Decode(posterior.Mean);
        outputs.Add("out.roundtrip", roundtrip);
        outputs.AddGradients(roundtrip, vae.Parameters());
        if (fixture.WantsGradients)
        {
            outputs.Add("grad.in.x", x.Grad!);
        }

        Tensor Decode(Tensor z) => tiling is { } tiles ? tiles.Decode(z, part => vae.Decode(part)) : vae.Decode(z);
    }
}
