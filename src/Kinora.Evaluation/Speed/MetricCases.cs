// The networks behind scores at their real sizes with random weights. bench/peers/metrics.py times the same networks in PyTorch.

using Kinora.Engine;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Systems.InceptionI3d;

namespace Kinora.Evaluation.Speed;

/// <summary>Cases of feature extractors, one clip or one batch of frames a run.</summary>
public static class MetricCases
{
    private const int Frames = 16, Pictures = 16;

    /// <summary>Multiply-adds of I3D on 16×224², times two: counted layer by layer from its shapes.</summary>
    private const double I3dFlops = 2 * 27.9e9;

    /// <summary>All of them.</summary>
    public static IReadOnlyList<SpeedCase> All { get; } =
    [
        .. new[] { DType.Float32, DType.BFloat16 }.SelectMany(t => new[]
        {
            I3d(t),
            Clip("B/32", new ClipVisionConfig { ProjectionDim = 512 }, t),
            Clip("L/14", new ClipVisionConfig { HiddenSize = 1024, IntermediateSize = 4096, NumHiddenLayers = 24, NumAttentionHeads = 16, PatchSize = 14, ProjectionDim = 768 }, t),
        }),
    ];

    private static SpeedCase I3d(DType dtype) => Case($"I3D, a clip of {Frames}×224² {dtype.ShortName()}", dtype, "clip", 1, I3dFlops, [1, 3, Frames, InceptionI3dModel.PublishedSize, InceptionI3dModel.PublishedSize], path =>
    {
        var network = new InceptionI3dModel(path);
        return network.Forward;
    });

    private static SpeedCase Clip(string variant, ClipVisionConfig config, DType dtype)
    {
        double tokens = Math.Pow(config.ImageSize / config.PatchSize, 2) + 1, d = config.HiddenSize;
        double flops = 2 * Pictures * (config.NumHiddenLayers * (tokens * d * (4 * d + 2 * config.IntermediateSize) + 2 * tokens * tokens * d) + (tokens - 1) * d * 3 * config.PatchSize * config.PatchSize);
        return Case($"CLIP ViT-{variant}, {Pictures} frames {dtype.ShortName()}", dtype, "frame", Pictures, flops, [Pictures, 3, config.ImageSize, config.ImageSize], path =>
        {
            var network = new ClipVisionModelWithProjection(path, config);
            return x => network.Forward(x).ImageEmbeds!;
        });
    }

    // As scoring runs them: weights in float32, products in the type.
    private static SpeedCase Case(string name, DType dtype, string item, int items, double flops, long[] shape, Func<ParameterPath, Func<Tensor, Tensor>> build) => new(name, SpeedUnit.ItemsPerSecond, device =>
    {
        using var scope = TensorScope.Enter();
        ParameterPath root = ParameterPath.Root(new InitializedParameters(1), DType.Float32, device);
        Func<Tensor, Tensor> forward = build(root);
        Tensor x = Tensor.Randn(shape, device: device).Clamp(-1, 1).Own();
        return new SpeedSubject(() =>
        {
            using var inference = GradMode.Inference();
            using var half = Autocast.Enter(dtype);
            return forward(x);
        }, () =>
        {
            root.Store.Dispose();
            x.Dispose();
        });
    })
    { Items = items, Item = item, Flops = flops, Precision = dtype };
}
