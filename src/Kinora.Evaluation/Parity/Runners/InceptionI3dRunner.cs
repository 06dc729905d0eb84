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
        var config = fixture.Config ?? throw new Kinora.Engine.ConfigException($"{fixture.Folder}: config.json is missing.");
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

    private static Tensor Statistics(Tensor x)
    {
        using var scope = TensorScope.Enter();
        var f = x.To(DType.Float64);
        return scope.Keep(Tensor.Stack([f.Mean(), f.Std([0, 1, 2, 3, 4], unbiased: false), f.Max(), f.Sum()], 0));
    }
}
