// LPIPS between a clip and its reference, frame by frame, with the user's weights.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Media;
using Kinora.Models.Systems.Lpips;

namespace Kinora.Evaluation.Clips;

/// <summary>LPIPS of pairs of clips. Dispose frees the network.</summary>
public sealed class PerceptualScores : IDisposable
{
    /// <summary>The score's name.</summary>
    public const string Name = "lpips";

    private readonly LpipsVgg _lpips;
    private readonly Device _device;

    private PerceptualScores(LpipsVgg lpips, string sha256, Device device)
    {
        _lpips = lpips;
        _device = device;
        WeightsSha256 = sha256;
    }

    /// <summary>Hash of the weights.</summary>
    public string WeightsSha256 { get; }

    /// <summary>Loads one file with VGG-16 and the channel weights under the names of taming-transformers.</summary>
    /// <exception cref="CheckpointException">The weights are of another network.</exception>
    public static PerceptualScores Load(string path, Device device) => new(Checkpoint.Load(path, p => new LpipsVgg(p), device: device), Checkpoint.HashFile(path), device);

    /// <summary>Mean over frames; the clips have equal size and length.</summary>
    public double Of(Clip clip, Clip reference)
    {
        ArgumentNullException.ThrowIfNull(clip);
        ArgumentNullException.ThrowIfNull(reference);
        double sum = 0;
        for (int i = 0; i < clip.Frames.Count; i++)
        {
            using var inference = GradMode.Inference();
            using var scope = TensorScope.Enter();
            Tensor Picture(VideoFrame f) => ClipTensor.FromBytes(f.Rgb, 1, 1, f.Height, f.Width, _device).Squeeze(2);
            sum += _lpips.Forward(Picture(clip.Frames[i]), Picture(reference.Frames[i])).Item();
        }
        return sum / clip.Frames.Count;
    }

    /// <summary>Frees the network.</summary>
    public void Dispose() => _lpips.Path.Store.Dispose();
}
