using Kinora.Models;
using System.Globalization;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>ControlNets of Stable Diffusion.</summary>
internal sealed class ControlNetRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes => ["diffusers." + ControlNetConfig.Name];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        var config = ControlNetConfig.Read(ConfigText.OfFile(fixture.ConfigPath));
        ControlNet net = fixture.Load(path => new ControlNet(path, config));
        double scale = fixture.Arguments.TryGetProperty("conditioning_scale", out var stated) ? stated.GetDouble() : 1;
        var conditions = new UNetConditions
        {
            TextMask = fixture.TryInput("mask"), ClassLabels = fixture.TryInput("class_labels"),
            PooledText = fixture.TryInput("add_text_embeds"), TimeIds = fixture.TryInput("add_time_ids"),
        };
        var (down, mid) = net.Forward(fixture.Input("sample"), fixture.Input("timestep"), fixture.Input("encoder_hidden_states"), fixture.Input("cond"), scale, conditions);
        for (int i = 0; i < down.Count; i++)
        {
            outputs.Add(string.Create(CultureInfo.InvariantCulture, $"out.down_{i}"), down[i]);
        }
        outputs.Add("out.mid", mid);
    }
}
