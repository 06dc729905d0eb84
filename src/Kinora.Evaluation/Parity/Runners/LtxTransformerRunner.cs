using Kinora.Engine;
using Kinora.Models;
using Kinora.Models.Systems.Ltx;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>LTX-Video's transformer: one velocity, the parts' outputs, gradients.</summary>
internal sealed class LtxTransformerRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes { get; } = ["diffusers.LTXVideoTransformer3DModel"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        var config = ModelConfigJson.ReadFile(fixture.ConfigPath, LtxJson.Default.LtxTransformerConfig, LtxTransformerConfig.Defaults);
        LtxTransformer network = fixture.Load(path => new LtxTransformer(path, config));
        long[] size = fixture.Input("fhw").ToArray<long>();
        float[] scale = fixture.Input("rope_scale").ToArray<float>();
        Tensor coordinates = LtxRope.Grid(size[0], size[1], size[2], scale[0] * config.PatchSizeT, scale[1] * config.PatchSize, scale[2] * config.PatchSize);
        Tensor sample;
        using (ForwardTrace.Listen((name, output) => outputs.Add("mid." + name, output.Detach())))
        {
            sample = network.Forward(fixture.Input("hidden_states"), fixture.Input("timestep"), fixture.Input("encoder_hidden_states"), fixture.TryInput("encoder_attention_mask"), coordinates);
        }
        outputs.Add("out.sample", sample.Detach());
        outputs.AddGradients(sample, network.Parameters());
    }
}
