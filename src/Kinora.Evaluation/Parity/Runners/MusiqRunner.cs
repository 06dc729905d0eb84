using System.Text.Json;
using Kinora.Engine;
using Kinora.Models.Systems.Musiq;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>MUSIQ: tokens of all scales, class token, score.</summary>
internal sealed class MusiqRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes { get; } = ["pyiqa.archs.musiq_arch.MUSIQ"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        JsonElement json = fixture.Config ?? throw new ConfigException($"{fixture.Folder}: config.json is missing.");
        int Size(string name) => json.GetProperty(name).GetInt32();
        var network = fixture.Load(path => new MusiqModel(path, Size("hidden_size"), Size("mlp_dim"), Size("num_layers")));
        Tensor pictures = fixture.Input("pictures");
        outputs.Add("mid.tokens", network.Tokens(pictures.Narrow(0, 0, 1)));
        outputs.Add("mid.class_token", network.ClassToken(pictures));
        outputs.Add("out.score", network.Forward(pictures));
        outputs.Add("out.score_wide", network.Forward(fixture.Input("wide")));
    }
}
