// Feature extractors besides I3D and Inception: SigLIP of every frame, VideoMAE and C3D of a clip, with the user's weights.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Features;
using Kinora.Media;
using Kinora.Models.Systems.C3d;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Systems.Siglip;
using Kinora.Models.Systems.VideoMae;

namespace Kinora.Evaluation.Clips;

/// <summary>A network behind <see cref="IClipFeatures"/>. Dispose frees it.</summary>
public sealed class NetworkFeatures : IClipFeatures, IDisposable
{
    private const int BatchSize = 16;

    // Means of the blue, green and red channel of the published training: jfzhang95/pytorch-video-recognition, dataloaders/dataset.py.
    private static readonly double[] C3dMeans = [90, 98, 102];

    private readonly ParameterStore _store;
    private readonly DType _precision;
    private readonly Func<Clip, Tensor> _compute;

    private NetworkFeatures(string name, string features, string preprocessing, string sha256, int dimension, DType precision, ParameterStore store, Func<Clip, Tensor> compute, string? classifierScore = null)
    {
        Names = ("frechet-" + name, "kernel-" + name);
        Features = features;
        Preprocessing = preprocessing + (precision == DType.Float32 ? "" : $", products in {precision.ShortName()}");
        WeightsSha256 = sha256;
        Dimension = dimension;
        ClassifierScore = classifierScore;
        _precision = precision;
        _store = store;
        _compute = compute;
    }

    /// <inheritdoc/>
    public string Features { get; }

    /// <inheritdoc/>
    public string Preprocessing { get; }

    /// <inheritdoc/>
    public string WeightsSha256 { get; }

    /// <inheritdoc/>
    public (string Frechet, string Kernel) Names { get; }

    /// <inheritdoc/>
    public int Dimension { get; }

    /// <inheritdoc/>
    public string? ClassifierScore { get; }

    /// <summary>SigLIP's pooled vector of every frame: a folder in the layout of transformers with preprocessor_config.json.</summary>
    public static NetworkFeatures Siglip(string folder, Device device, DType precision)
    {
        var processor = ClipImageProcessor.Load(folder);
        SiglipVisionModel model = SiglipVisionModel.LoadTower(folder, device);
        return new NetworkFeatures("siglip", "SigLIP pooled, every frame", "the model's own preprocessor_config.json", Hash(folder), model.Config.HiddenSize, precision, model.Path.Store, clip =>
        {
            using var scope = TensorScope.Enter();
            var parts = new List<Tensor>();
            for (int start = 0; start < clip.Frames.Count; start += BatchSize)
                parts.Add(model.Forward(processor.Process([.. clip.Frames.Skip(start).Take(BatchSize)]).To(device)).Pooled!.To(DType.Float32));
            return scope.Keep(Tensor.Cat(parts, 0));
        });
    }

    /// <summary>VideoMAE's mean token of the first frames: a folder in the layout of transformers with preprocessor_config.json.</summary>
    public static NetworkFeatures VideoMae(string folder, Device device, DType precision)
    {
        var processor = ClipImageProcessor.Load(folder);
        VideoMaeModel model = VideoMaeModel.Load(folder, device);
        int frames = model.Config.NumFrames;
        return new NetworkFeatures("videomae", $"VideoMAE {(model.PoolsFirst ? "fc_norm of the mean token" : "mean of normed tokens")}", $"first {frames} frames, the model's own preprocessor_config.json", Hash(folder), model.Config.HiddenSize, precision, model.Path.Store, clip =>
        {
            Require(clip, frames, "VideoMAE");
            return model.Forward(processor.Process([.. clip.Frames.Take(frames)]).To(device).Unsqueeze(0));
        });
    }

    /// <summary>C3D's logits of the first 16 frames: one file with conv1 to fc8.</summary>
    public static NetworkFeatures C3d(string path, Device device, DType precision)
    {
        int classes;
        using (Checkpoint file = Checkpoint.Open(path))
            classes = file.Find("fc8.bias") is { Shape: [var k] } ? checked((int)k) : throw new CheckpointException($"{path}: no `fc8.bias`; expected the weights of C3D, conv1 to fc8.");
        C3dModel model = Checkpoint.Load(path, p => new C3dModel(p, classes), device: device);
        return new NetworkFeatures("c3d", $"C3D logits of {classes} classes", $"first {C3dModel.Frames} frames, both sides to {C3dModel.InputSize}, bilinear with aligned corners, blue, green, red less {string.Join(", ", C3dMeans)}", Checkpoint.HashFile(path), classes, precision, model.Path.Store, clip =>
        {
            Require(clip, C3dModel.Frames, "C3D");
            return model.Forward(PrepareC3d(clip, device));
        }, "is-c3d");
    }

    /// <inheritdoc/>
    public double[] Of(Clip clip)
    {
        ArgumentNullException.ThrowIfNull(clip);
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        using var half = Autocast.Enter(_precision);
        return _compute(clip).To(Device.Cpu).To(DType.Float64).Contiguous().ToArray<double>();
    }

    /// <inheritdoc/>
    public FeatureMatrix Probabilities(FeatureMatrix features)
    {
        ArgumentNullException.ThrowIfNull(features);
        using var scope = TensorScope.Enter();
        return new FeatureMatrix(features.Name + ": class probabilities", features.Count, features.Dimension, features.ToTensor().Softmax(1).ToArray<double>());
    }

    /// <summary>Frees the network.</summary>
    public void Dispose() => _store.Dispose();

    /// <summary>What C3D reads of a clip: [1, 3, 16, 112, 112].</summary>
    internal static Tensor PrepareC3d(Clip clip, Device device)
    {
        using var scope = TensorScope.Enter();
        byte[] rgb = [.. clip.Frames.Take(C3dModel.Frames).SelectMany(f => f.Rgb)];
        Tensor x = Tensor.FromArray(rgb, C3dModel.Frames, clip.Height, clip.Width, 3).To(device).Permute(0, 3, 1, 2).To(DType.Float32).Flip(1); // [F, BGR, H, W]
        x = F.InterpolateBilinearAligned(x, C3dModel.InputSize, C3dModel.InputSize) - Tensor.FromArray(C3dMeans, 1, 3, 1, 1).To(DType.Float32).To(device);
        return scope.Keep(x.Permute(1, 0, 2, 3).Unsqueeze(0));
    }

    private static void Require(Clip clip, int frames, string network)
    {
        if (clip.Frames.Count < frames)
            throw new EvaluationException($"{Words.Count(clip.Frames.Count, "frame")}: {network} takes {frames}");
    }

    private static string Hash(string folder)
    {
        using Checkpoint weights = Checkpoint.Open(folder);
        return weights.Sha256();
    }
}
