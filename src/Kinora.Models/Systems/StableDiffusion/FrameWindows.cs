using Kinora.Engine;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>
/// Windows over the frames of a clip that is longer than its network can see at once. Where windows overlap, their predictions are averaged;
/// a window's weight falls evenly from its middle to its ends, so that no seam is seen.
/// </summary>
/// <param name="Longest">A clip of at most so many frames is one window.</param>
/// <param name="Length">Frames of a window of a longer clip.</param>
/// <param name="Overlap">Frames that neighboring windows share at least, from 0 and below the length.</param>
public readonly record struct FrameWindows(int Longest, int Length, int Overlap)
{
    /// <summary>For a network that sees clips of any length at once.</summary>
    public static FrameWindows Unbounded { get; } = new(int.MaxValue, 1, 0);

    /// <summary>The first frames of the windows of a clip: as few as overlap enough, spread evenly from its beginning to its end.</summary>
    public IReadOnlyList<int> Starts(int frames)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(frames);
        if (frames <= Longest)
        {
            return [0];
        }
        if (Overlap < 0 || Overlap >= Length)
        {
            throw new InvalidOperationException($"FrameWindows: windows of {Length} frames cannot share {Overlap}; give at least 0 and less than the length.");
        }
        int stride = Length - Overlap, last = frames - Length, further = (last + stride - 1) / stride;
        return [.. Enumerable.Range(0, further + 1).Select(i => (int)((long)i * last / further))];
    }

    /// <summary>Applies a function of clips, and of the frame that they begin with, to every window of [B, C, F, h, w] and averages the results.</summary>
    public Tensor Average(Tensor clip, Func<Tensor, int, Tensor> function)
    {
        ArgumentNullException.ThrowIfNull(clip);
        ArgumentNullException.ThrowIfNull(function);
        int frames = (int)clip.Size(2);
        IReadOnlyList<int> starts = Starts(frames);
        if (starts.Count == 1)
        {
            return function(clip, 0);
        }
        using var scope = TensorScope.Enter();
        int length = Length;
        var shape = Tensor.FromArray<float>([.. Enumerable.Range(0, length).Select(i => (float)Math.Min(i + 1, length - i))], 1, 1, length, 1, 1).To(clip.Device);
        Tensor sum = Tensor.ZerosLike(clip), weights = Tensor.Zeros([1, 1, frames, 1, 1], device: clip.Device);
        foreach (int start in starts)
        {
            using var window = TensorScope.Enter();
            sum.Narrow(2, start, length).AddInPlace(function(clip.Narrow(2, start, length), start) * shape);
            weights.Narrow(2, start, length).AddInPlace(shape);
        }
        return scope.Keep(sum / weights);
    }
}
