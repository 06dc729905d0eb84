using Kinora.Engine;

namespace Kinora.Models.Modules;

/// <summary>
/// Moves blocks of frames, rows and columns into channels and back; nothing is lost.
/// Layout [B, F, H, W, C]; inside a folded channel the order is (frame, row, column, channel).
/// </summary>
public static class SpaceTimeFolding
{
    /// <summary>[B, F·t, H·s, W·s, C] → [B, F, H, W, t·s·s·C].</summary>
    public static Tensor Fold(Tensor x, int t, int s)
    {
        using var scope = TensorScope.Enter();
        var (b, f, h, w, c) = x.Dims5();
        var blocks = x.Reshape(b, f / t, t, h / s, s, w / s, s, c).Permute(0, 1, 3, 5, 2, 4, 6, 7);
        return scope.Keep(blocks.Reshape(b, f / t, h / s, w / s, t * s * s * c));
    }

    /// <summary>[B, F, H, W, t·s·s·C] → [B, F·t, H·s, W·s, C].</summary>
    public static Tensor Unfold(Tensor x, int t, int s)
    {
        using var scope = TensorScope.Enter();
        var (b, f, h, w, folded) = x.Dims5();
        var c = folded / (t * s * s);
        var blocks = x.Reshape(b, f, h, w, t, s, s, c).Permute(0, 1, 4, 2, 5, 3, 6, 7);
        return scope.Keep(blocks.Reshape(b, f * t, h * s, w * s, c));
    }
}
