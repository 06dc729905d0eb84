// The encoders of T5 and umT5.

using Kinora.Engine;
using Kinora.Models;
using Kinora.Models.Systems.T5;

namespace Kinora.Evaluation.Parity.Runners;

internal sealed class T5Runner : IFixtureRunner
{
    public IReadOnlyList<string> Classes { get; } = ["transformers.T5EncoderModel", "transformers.UMT5EncoderModel"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        T5Config config = ModelConfigJson.ReadFile(fixture.ConfigPath, T5Json.Default.T5Config);
        T5EncoderModel encoder = fixture.Load(path => new T5EncoderModel(path, config), isOmitted: T5EncoderModel.IsOmitted);
        Tensor[] states = encoder.HiddenStates(fixture.Input("input_ids"), fixture.TryInput("attention_mask")?.To(DType.Bool));
        new NamedOutputs(fixture, outputs).Add("out.last_hidden_state", states[^1]).AddHiddenStates(states).AddGradients(encoder);
    }
}
