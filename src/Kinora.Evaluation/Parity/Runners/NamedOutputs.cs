// Encoders have several outputs; a fixture says which of them its loss is made of.

using System.Text.Json;
using Kinora.Engine;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>Hands all outputs of a network over by name, and the gradients of the one that the fixture's loss names.</summary>
internal sealed class NamedOutputs(Fixture fixture, FixtureOutputs outputs)
{
    private readonly Dictionary<string, Tensor> _byName = new(StringComparer.Ordinal);

    /// <summary>An output; null is passed over.</summary>
    public NamedOutputs Add(string name, Tensor? value)
    {
        if (value is not null)
        {
            _byName[name] = value;
            outputs.Add(name, value);
        }
        return this;
    }

    /// <summary>Hidden states by their position from the front (out.hidden_1) and from the back (out.hidden_m2).</summary>
    public NamedOutputs AddHiddenStates(IReadOnlyList<Tensor> states)
    {
        for (int i = 0; i < states.Count; i++)
        {
            Add($"out.hidden_{i}", states[i]);
            Add($"out.hidden_m{states.Count - i}", states[i]);
        }
        return this;
    }

    /// <summary>Gradients of mean(out²), where out stands in the fixture's loss: <c>mean(out.pooler_output ** 2)</c>.</summary>
    public void AddGradients(Module network)
    {
        if (!fixture.WantsGradients)
        {
            return;
        }
        string loss = fixture.GradientCheck.TryGetProperty("loss", out JsonElement text) ? text.GetString() ?? "" : "";
        string name = _byName.Keys.FirstOrDefault(key => loss.Contains($"({key} ", StringComparison.Ordinal))
            ?? throw new ConfigException($"{fixture.Folder}: the loss \"{loss}\" names no output of {fixture.ClassName}.");
        outputs.AddGradients(_byName[name], network.Parameters());
    }
}
