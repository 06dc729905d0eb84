// Inception v3 features of every frame with the user's weights, for the Fréchet inception distance and the inception score of pictures.
// Preprocessing of pytorch-fid: bilinear to 299×299 without antialiasing, [−1, 1].

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;
using Kinora.Evaluation.Features;
using Kinora.Media;
using Kinora.Models.Systems.InceptionV3;

namespace Kinora.Evaluation.Clips;

/// <summary>The feature extractor. Dispose frees the network.</summary>
public sealed class FrameFeatures : IClipFeatures, IDisposable
{
    private const int BatchSize = 8;
    private readonly InceptionV3Model _inception;
    private readonly Device _device;
    private readonly DType _precision;

    private FrameFeatures(InceptionV3Model inception, string sha256, Device device, DType precision)
    {
        _inception = inception;
        _device = device;
        _precision = precision;
        WeightsSha256 = sha256;
    }

    /// <inheritdoc/>
    public string Features => _inception.Variant == InceptionV3Variant.Fid ? "Inception v3 pool3 (the graph of 2015 as in pytorch-fid), every frame" : "Inception v3 pool3 (torchvision), every frame";

    /// <inheritdoc/>
    public string Preprocessing => $"both sides to {InceptionV3Model.InputSize}, bilinear without antialiasing, [-1, 1]{(_precision == DType.Float32 ? "" : $", products in {_precision.ShortName()}")}";

    /// <inheritdoc/>
    public string WeightsSha256 { get; }

    /// <inheritdoc/>
    public (string Frechet, string Kernel) Names => _inception.Variant == InceptionV3Variant.Fid ? ("fid", "kid") : ("frechet-inception-torchvision", "kernel-inception-torchvision");

    /// <inheritdoc/>
    public string ClassifierScore => _inception.Variant == InceptionV3Variant.Fid ? "is" : "is-inception-torchvision";

    /// <inheritdoc/>
    public int Dimension => InceptionV3Model.FeatureChannels;

    /// <summary>Loads weights of pytorch-fid (1008 classes) or of torchvision (1000 classes); the file says which.</summary>
    /// <exception cref="CheckpointException">The weights are of another network.</exception>
    public static FrameFeatures Load(string path, Device device, DType precision = DType.Float32)
    {
        bool torchvision;
        using (Checkpoint file = Checkpoint.Open(path))
            torchvision = file.Find("fc.weight") is { Shape: [InceptionV3Model.ImageNetClasses, ..] };
        var model = Checkpoint.Load(path, p => torchvision ? new InceptionV3Model(p, InceptionV3Model.ImageNetClasses, InceptionV3Variant.Torchvision) : new InceptionV3Model(p), device: device,
            isOmitted: n => n.EndsWith(BatchNorm.Counter, StringComparison.Ordinal) || n.StartsWith("AuxLogits.", StringComparison.Ordinal));
        return new FrameFeatures(model, Checkpoint.HashFile(path), device, precision);
    }

    /// <inheritdoc/>
    public double[] Of(Clip clip)
    {
        ArgumentNullException.ThrowIfNull(clip);
        var rows = new double[clip.Frames.Count * Dimension];
        for (int start = 0; start < clip.Frames.Count; start += BatchSize)
        {
            using var inference = GradMode.Inference();
            using var scope = TensorScope.Enter();
            using var half = Autocast.Enter(_precision);
            VideoFrame[] frames = [.. clip.Frames.Skip(start).Take(BatchSize)];
            Tensor x = ClipTensor.FromBytes([.. frames.SelectMany(f => f.Rgb)], frames.Length, 1, clip.Height, clip.Width, _device).Squeeze(2);
            _inception.Features(F.InterpolateBilinear(x, InceptionV3Model.InputSize, InceptionV3Model.InputSize)).To(Device.Cpu).To(DType.Float64).CopyTo<double>(rows.AsSpan(start * Dimension, frames.Length * Dimension));
        }
        return rows;
    }

    /// <inheritdoc/>
    /// <remarks>[n, 2048] → [n, 1008] or [n, 1000].</remarks>
    public FeatureMatrix Probabilities(FeatureMatrix features)
    {
        ArgumentNullException.ThrowIfNull(features);
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        Tensor p = _inception.Classify(features.ToTensor().To(DType.Float32).To(_device)).To(Device.Cpu).To(DType.Float64).Softmax(1);
        return new FeatureMatrix(features.Name + ": class probabilities", features.Count, (int)p.Size(1), p.Contiguous().ToArray<double>());
    }

    /// <summary>Frees the network.</summary>
    public void Dispose() => _inception.Path.Store.Dispose();
}
