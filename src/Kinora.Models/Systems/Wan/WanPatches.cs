using Kinora.Engine;

namespace Kinora.Models.Systems.Wan;

/// <summary>Moves patches of pixels into channels and back. Inside a folded channel the order is (color, column, row), as published.</summary>
internal static class WanPatches
{
    /// <summary>[B, F, H·p, W·p, C] → [B, F, H, W, C·p·p].</summary>
    public static Tensor Fold(Tensor x, int p)
    {
        if (p == 1) return x;
        using var scope = TensorScope.Enter();
        var (b, f, h, w, c) = x.Dims5();
        var blocks = x.Reshape(b, f, h / p, p, w / p, p, c).Permute(0, 1, 2, 4, 6, 5, 3);         // [B, F, H, W, C, column, row]
        return scope.Keep(blocks.Reshape(b, f, h / p, w / p, c * p * p));
    }

    /// <summary>[B, F, H, W, C·p·p] → [B, F, H·p, W·p, C].</summary>
    public static Tensor Unfold(Tensor x, int p)
    {
        if (p == 1) return x;
        using var scope = TensorScope.Enter();
        var (b, f, h, w, folded) = x.Dims5();
        var c = folded / (p * p);
        var blocks = x.Reshape(b, f, h, w, c, p, p).Permute(0, 1, 2, 6, 3, 5, 4);                 // [B, F, H, row, W, column, C]
        return scope.Keep(blocks.Reshape(b, f, h * p, w * p, c));
    }
}
