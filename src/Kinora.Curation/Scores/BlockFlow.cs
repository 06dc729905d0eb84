// Motion of blocks between two small gray pictures, with a check by matching back.
//
// Sum of absolute differences over a full search, a parabola for the fraction of a pixel. A block counts when it has texture and
// matching back from where it went returns: flat sky says nothing about motion.
using System.Runtime.Intrinsics;

namespace Kinora.Curation.Scores;

/// <summary>Estimates motion between pictures of one size.</summary>
internal sealed class BlockFlow(int width, int height)
{
    private const int Block = 16, Reach = 12, MinTexture = 6 * Block * Block;
    private const double BackTolerance = 1.5, MinConfidence = 0.1;

    /// <summary>The motion from <paramref name="before"/> to <paramref name="after"/>; null when too few blocks can be followed.</summary>
    public CameraMotion? Estimate(ReadOnlySpan<byte> before, ReadOnlySpan<byte> after)
    {
        var moves = new List<Displacement>();
        int total = 0;
        for (int y = 0; y + Block <= height; y += Block)
        {
            for (int x = 0; x + Block <= width; x += Block)
            {
                total++;
                if (Texture(before, x, y) < MinTexture) { continue; }
                var (dx, dy) = Match(before, after, x, y);
                int tx = Math.Clamp(x + (int)Math.Round(dx), 0, width - Block), ty = Math.Clamp(y + (int)Math.Round(dy), 0, height - Block);
                var (bx, by) = Match(after, before, tx, ty);
                if (Math.Abs(tx + bx - x) > BackTolerance || Math.Abs(ty + by - y) > BackTolerance) { continue; }
                moves.Add(new Displacement(x + (Block / 2.0) - (width / 2.0), y + (Block / 2.0) - (height / 2.0), dx, dy));
            }
        }
        double confidence = total == 0 ? 0 : (double)moves.Count / total;
        return confidence < MinConfidence || moves.Count < 4 ? null : SimilarityFit.Of(moves, confidence);
    }

    private int Texture(ReadOnlySpan<byte> picture, int x, int y)
    {
        int sum = 0;
        for (int v = y; v < y + Block - 1; v++)
        {
            var row = picture.Slice((v * width) + x, Block);
            var below = picture.Slice(((v + 1) * width) + x, Block);
            for (int u = 0; u < Block - 1; u++) { sum += Math.Abs(row[u + 1] - row[u]) + Math.Abs(below[u] - row[u]); }
        }
        return sum;
    }

    private (double Dx, double Dy) Match(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, int x, int y)
    {
        int bestX = 0, bestY = 0, best = Difference(from, to, x, y, 0, 0);
        for (int dy = -Reach; dy <= Reach; dy++)
        {
            for (int dx = -Reach; dx <= Reach; dx++)
            {
                int d = Difference(from, to, x, y, dx, dy);
                if (d < best) { (best, bestX, bestY) = (d, dx, dy); }
            }
        }
        return (bestX + Vertex(from, to, x, y, bestX, bestY, 1, 0, best), bestY + Vertex(from, to, x, y, bestX, bestY, 0, 1, best));
    }

    // Where the parabola through three neighboring differences is least.
    private double Vertex(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, int x, int y, int dx, int dy, int ux, int uy, int middle)
    {
        int low = Difference(from, to, x, y, dx - ux, dy - uy), high = Difference(from, to, x, y, dx + ux, dy + uy);
        if (low == int.MaxValue || high == int.MaxValue) { return 0; }
        double curvature = low - (2.0 * middle) + high;
        return curvature > 0 ? Math.Clamp((low - high) / (2 * curvature), -0.5, 0.5) : 0;
    }

    private int Difference(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, int x, int y, int dx, int dy)
    {
        int tx = x + dx, ty = y + dy;
        if (tx < 0 || ty < 0 || tx + Block > width || ty + Block > height) { return int.MaxValue; }
        int total = 0;
        for (int row = 0; row < Block; row++)
        {
            var a = Vector128.Create(from.Slice(((y + row) * width) + x, Block));
            var b = Vector128.Create(to.Slice(((ty + row) * width) + tx, Block));
            var (low, high) = Vector128.Widen(Vector128.Max(a, b) - Vector128.Min(a, b));
            total += Vector128.Sum(low + high);
        }
        return total;
    }
}
