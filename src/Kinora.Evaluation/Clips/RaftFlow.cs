// RAFT with the user's weights on pictures of any size.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;
using Kinora.Models.Systems.Raft;

namespace Kinora.Evaluation.Clips;

/// <summary>A loaded RAFT. Dispose frees it.</summary>
public sealed class RaftFlow : IDisposable
{
    /// <summary>Pixels of a side that the pyramid needs.</summary>
    public const int Smallest = 128;

    private readonly RaftModel _raft;

    private RaftFlow(RaftModel raft, string sha256, string variant, Device device)
    {
        _raft = raft;
        WeightsSha256 = sha256;
        Variant = variant;
        Device = device;
    }

    /// <summary>Hash of the weights.</summary>
    public string WeightsSha256 { get; }

    /// <summary>"raft_large" or "raft_small".</summary>
    public string Variant { get; }

    /// <summary>Where it runs.</summary>
    public Device Device { get; }

    /// <summary>Loads torchvision's raft_large or raft_small; the file says which it is.</summary>
    /// <exception cref="CheckpointException">The weights are of another network.</exception>
    public static RaftFlow Load(string path, Device device)
    {
        bool large;
        using (Checkpoint file = Checkpoint.Open(path))
            large = file.Find("mask_predictor.conv.weight") is not null;
        var raft = Checkpoint.Load(path, p => new RaftModel(p, large ? RaftConfig.Large : RaftConfig.Small), device: device, isOmitted: n => n.EndsWith(BatchNorm.Counter, StringComparison.Ordinal));
        return new RaftFlow(raft, Checkpoint.HashFile(path), large ? "raft_large" : "raft_small", device);
    }

    /// <summary>Flow from <paramref name="a"/> to <paramref name="b"/>, both [B, 3, H, W] in [−1, 1]: [B, 2, H, W] of (dx, dy) in pixels. The border repeats up to sizes that RAFT takes.</summary>
    public Tensor Between(Tensor a, Tensor b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        using var scope = TensorScope.Enter();
        var (_, _, h, w) = a.Dims4();
        long padH = Math.Max(Smallest, (h + 7) / 8 * 8) - h, padW = Math.Max(Smallest, (w + 7) / 8 * 8) - w;
        long[] pads = [padW / 2, padW - padW / 2, padH / 2, padH - padH / 2];
        Tensor flow = _raft.Forward(F.ReplicationPad2d(a, pads), F.ReplicationPad2d(b, pads), RaftModel.PublishedUpdates)[0];
        return scope.Keep(flow.Narrow(2, pads[2], h).Narrow(3, pads[0], w).Contiguous());
    }

    /// <summary>Frees the network.</summary>
    public void Dispose() => _raft.Path.Store.Dispose();
}
