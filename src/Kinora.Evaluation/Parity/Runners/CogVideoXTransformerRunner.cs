using Kinora.Engine;
using Kinora.Models;
using Kinora.Models.Systems.CogVideoX;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>CogVideoX's transformer: one prediction, the parts' outputs, rotations, gradients.</summary>
internal sealed class CogVideoXTransformerRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes { get; } = ["diffusers.CogVideoXTransformer3DModel"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        var config = ModelConfigJson.ReadFile(fixture.ConfigPath, CogVideoXJson.Default.CogVideoXTransformerConfig, CogVideoXTransformerConfig.Defaults);
        CogVideoXTransformer network = fixture.Load(path => new CogVideoXTransformer(path, config));
        Tensor x = fixture.Input("hidden_states");
        if (config.UseRotaryPositionalEmbeddings)
        {
            var (cos, sin) = CogVideoXPositions.Rotary(config, (int)x.Size(1) / config.PatchFrames, (int)x.Size(3) / config.PatchSize, (int)x.Size(4) / config.PatchSize);
            // The reference keeps one value for each channel, not for each pair.
            outputs.Add("out.rope_cos", cos.RepeatInterleave(2, -1));
            outputs.Add("out.rope_sin", sin.RepeatInterleave(2, -1));
        }
        if (fixture.WantsGradients)
        {
            x.RequiresGradInPlace();
        }
        Tensor sample;
        using (ForwardTrace.Listen((name, output) => outputs.Add("mid." + name, output.Detach())))
        {
            sample = network.Forward(x, fixture.Input("timestep"), fixture.Input("encoder_hidden_states"), fixture.TryInput("ofs"));
        }
        outputs.Add("out.sample", sample.Detach());
        outputs.AddGradients(sample, network.Parameters());
        if (x.Grad is { } gradient)
        {
            outputs.Add("grad.in.hidden_states", gradient);
        }
    }
}
