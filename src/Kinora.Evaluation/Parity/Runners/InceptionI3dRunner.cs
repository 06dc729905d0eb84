using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Systems.InceptionI3d;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>I3D up to a part of it, or up to its logits.</summary>
internal sealed class InceptionI3dRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes { get; } = ["pytorch_i3d.InceptionI3d"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        var config = fixture.Config ?? throw new ConfigException($"{fixture.Folder}: config.json is missing.");
        string endpoint = config.GetProperty("final_endpoint").GetString()!;
        var network = fixture.Load(path => new InceptionI3dModel(path, config.GetProperty("num_classes").GetInt32(), endpoint), isOmitted: n => n.EndsWith(BatchNorm.Counter, StringComparison.Ordinal));
        Tensor map = network.ForwardMap(fixture.Input("x"), (name, part) =>
        {
            string stats = $"out.ep_{name}_stats";
            if (outputs.Wants(stats))
                outputs.Add(stats, Statistics(part));
        });
        if (endpoint != InceptionI3dModel.LogitsEndpoint)
        {
            outputs.Add("out.features", map);
            return;
        }
        Tensor pooled = InceptionI3dModel.Pool(map);
        outputs.Add("out.features", pooled);
        outputs.Add("out.logits", network.Classify(pooled));
    }

    // Of a part's result: mean, sample deviation, maximum, and the sum of every 977th element.
    private static Tensor Statistics(Tensor x)
    {
        const int stride = 977;
        using var scope = TensorScope.Enter();
        var f = x.To(DType.Float64).Contiguous().Flatten();
        return scope.Keep(Tensor.Stack([f.Mean(), f.Std([0]), f.Max(), f.Slice(0, 0, step: stride).Sum()], 0));
    }
}
