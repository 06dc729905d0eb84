using System.Text.Json;
using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Systems.Raft;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>RAFT: encoders, first and last flow.</summary>
internal sealed class RaftRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes { get; } = ["torchvision.models.optical_flow.raft_large", "torchvision.models.optical_flow.raft_small", "torchvision.models.optical_flow.RAFT"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        JsonElement json = fixture.Config ?? throw new ConfigException($"{fixture.Folder}: config.json is missing.");
        RaftConfig config = json.GetProperty("variant").GetString() switch
        {
            "raft_large" => RaftConfig.Large,
            "raft_small" => RaftConfig.Small,
            _ => Tiny(json),
        };
        var network = fixture.Load(path => new RaftModel(path, config), isOmitted: n => n.EndsWith(BatchNorm.Counter, StringComparison.Ordinal));
        Tensor a = fixture.Input("img1"), b = fixture.Input("img2");
        if (outputs.Wants("mid.feature_encoder"))
        {
            outputs.Add("mid.feature_encoder", network.Features(Tensor.Cat([a, b], 0)));
            outputs.Add("mid.context_encoder", network.Context(a));
        }
        Tensor[] flows = network.Forward(a, b, (int)fixture.Input("iters").Item(), every: true);
        outputs.Add("out.flow_first", flows[0]);
        outputs.Add("out.flow_last", flows[^1]);
    }

    // The fixture's own network: its config names the encoders and the pyramid, its weights the rest.
    private static RaftConfig Tiny(JsonElement json) => new()
    {
        FeatureLayers = Ints(json.GetProperty("layers")), ContextLayers = Ints(json.GetProperty("clayers")), ContextNorm = true,
        CorrelationLevels = json.GetProperty("levels").GetInt32(), CorrelationRadius = json.GetProperty("radius").GetInt32(),
        MotionCorrelation = [12, 10], MotionFlow = [8, 6], MotionChannels = 12, HiddenChannels = json.GetProperty("hidden").GetInt32(), SeparableRecurrence = true, FlowHeadChannels = 12, MaskChannels = 256,
    };

    private static int[] Ints(JsonElement list) => [.. list.EnumerateArray().Select(e => e.GetInt32())];
}
