using Kinora.Engine;
using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>The U-Nets of Stable Diffusion 1, 2 and XL.</summary>
internal sealed class UNet2DConditionRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes => ["diffusers." + UNet2DConditionConfig.Name];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        var config = UNet2DConditionConfig.Read(ConfigText.OfFile(fixture.ConfigPath));
        UNet2DCondition unet = fixture.Load(path => new UNet2DCondition(path, config));
        Tensor sample = fixture.Input("sample"), text = fixture.Input("encoder_hidden_states");
        if (fixture.WantsGradients)
        {
            sample.RequiresGradInPlace();
            text.RequiresGradInPlace();
        }
        var conditions = new UNetConditions
        {
            TextMask = fixture.TryInput("mask") ?? fixture.TryInput("encoder_attention_mask"), ClassLabels = fixture.TryInput("class_labels"),
            TimestepCondition = fixture.TryInput("timestep_cond"), PooledText = fixture.TryInput("add_text_embeds"), TimeIds = fixture.TryInput("add_time_ids"),
        };
        using var trace = ForwardTrace.Listen((name, value) => outputs.Add("mid." + name, value));
        Tensor predicted = unet.Forward(sample, fixture.Input("timestep"), text, conditions);
        outputs.Add("out.sample", predicted);
        outputs.AddGradients(predicted, unet.Parameters());
        if (fixture.WantsGradients)
        {
            outputs.Add("grad.in.sample", sample.Grad!);
            outputs.Add("grad.in.encoder_hidden_states", text.Grad!);
        }
    }
}
