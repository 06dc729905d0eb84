using Kinora.Engine;

namespace Kinora.Models.Modules;

/// <summary>
/// Frames as pictures and pictures as a clip. In memory that is channels-last both are the same bytes, so nothing is copied:
/// position (b, f, row, column) of a picture is position (b, f, row · W + column) of the clip.
/// </summary>
internal static class VideoLayout
{
    /// <summary>[B·F, C, H, W] → [B, C, F, H·W], channels-last.</summary>
    public static Tensor ToClip(Tensor pictures, long frames)
    {
        using var scope = TensorScope.Enter();
        var (n, c, h, w) = pictures.Dims4();
        return scope.Keep(pictures.Permute(0, 2, 3, 1).Reshape(n / frames, frames, h * w, c).Permute(0, 3, 1, 2));
    }

    /// <summary>[B, C, F, H·W] → [B·F, C, H, W], channels-last.</summary>
    public static Tensor ToPictures(Tensor clip, long height, long width)
    {
        using var scope = TensorScope.Enter();
        var (b, c, f, _) = clip.Dims4();
        return scope.Keep(clip.Permute(0, 2, 3, 1).Reshape(b * f, height, width, c).Permute(0, 3, 1, 2));
    }

    /// <summary>[B, C, F, P] → the frames of every position one after the other, [B·P, F, C].</summary>
    public static Tensor ToTracks(Tensor clip)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(clip.Permute(0, 3, 2, 1).Flatten(0, 1));
    }

    /// <summary>[B·H·W, F, C] → [B·F, C, H, W].</summary>
    public static Tensor FromTracks(Tensor tracks, long height, long width)
    {
        using var scope = TensorScope.Enter();
        var (n, f, c) = tracks.Dims3();
        var b = n / (height * width);
        return scope.Keep(tracks.Reshape(b, height * width, f, c).Transpose(1, 2).Reshape(b * f, height, width, c).Permute(0, 3, 1, 2));
    }
}
