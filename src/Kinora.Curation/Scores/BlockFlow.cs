// Motion of blocks between two small gray pictures, with a check by matching back, and the camera's share of it.
//
// Sum of absolute differences over a full search, a parabola for the fraction of a pixel. A block counts when it has texture and
// matching back from where it went returns: flat sky says nothing about motion. The camera is the similarity that most blocks
// obey (iterated reweighted least squares with Tukey's biweight, started at the median).
using System.Runtime.Intrinsics;

namespace Kinora.Curation.Scores;

/// <summary>Motion from one picture to a later one, in working-size pixels.</summary>
/// <param name="PanX">Image content moves right by this much at the center.</param>
/// <param name="PanY">Image content moves down by this much at the center.</param>
/// <param name="Zoom">Relative growth.</param>
/// <param name="Roll">Clockwise turn in radians.</param>
/// <param name="Camera">Mean length of the camera's motion over the counted blocks, pixels.</param>
/// <param name="Object">Mean length of what the camera does not explain, pixels.</param>
/// <param name="Confidence">Share of blocks that count.</param>
internal sealed record CameraMotion(double PanX, double PanY, double Zoom, double Roll, double Camera, double Object, double Confidence);

/// <summary>Estimates motion between pictures of one size.</summary>
internal sealed class BlockFlow(int width, int height)
{
    private const int Block = 16, Reach = 12, MinTexture = 6 * Block * Block, Iterations = 10;
    private const double BackTolerance = 1.5, Tukey = 4.685, LeastScale = 0.25, MinConfidence = 0.1;

    /// <summary>The motion from <paramref name="before"/> to <paramref name="after"/>; null when too few blocks can be followed.</summary>
    public CameraMotion? Estimate(ReadOnlySpan<byte> before, ReadOnlySpan<byte> after)
    {
        var moves = new List<(double X, double Y, double Dx, double Dy)>();
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
                moves.Add((x + (Block / 2.0) - (width / 2.0), y + (Block / 2.0) - (height / 2.0), dx, dy));
            }
        }
        double confidence = total == 0 ? 0 : (double)moves.Count / total;
        return confidence < MinConfidence || moves.Count < 4 ? null : Fit(moves, confidence);
    }

    private static CameraMotion Fit(List<(double X, double Y, double Dx, double Dy)> moves, double confidence)
    {
        double panX = Median(moves.Select(m => m.Dx)), panY = Median(moves.Select(m => m.Dy)), zoom = 0, roll = 0;
        for (int i = 0; i < Iterations; i++)
        {
            double[] residuals = [.. moves.Select(m => Residual(m, panX, panY, zoom, roll))];
            double scale = Math.Max(LeastScale, 1.4826 * Median(residuals));
            // dx = panX + zoom·x − roll·y, dy = panY + roll·x + zoom·y: normal equations of the weighted least squares.
            double w = 0, sx = 0, sy = 0, ss = 0, sdx = 0, sdy = 0, sz = 0, sr = 0;
            for (int k = 0; k < moves.Count; k++)
            {
                double t = residuals[k] / (Tukey * scale);
                double weight = t >= 1 ? 0 : (1 - (t * t)) * (1 - (t * t));
                var (x, y, dx, dy) = moves[k];
                w += weight;
                sx += weight * x;
                sy += weight * y;
                ss += weight * ((x * x) + (y * y));
                sdx += weight * dx;
                sdy += weight * dy;
                sz += weight * ((x * dx) + (y * dy));
                sr += weight * ((x * dy) - (y * dx));
            }
            if (w < 3) { break; }
            double mx = sx / w, my = sy / w, spread = (ss / w) - (mx * mx) - (my * my);
            if (spread < 1) { break; }
            zoom = ((sz / w) - (mx * sdx / w) - (my * sdy / w)) / spread;
            roll = ((sr / w) - (mx * sdy / w) + (my * sdx / w)) / spread;
            panX = (sdx / w) - (zoom * mx) + (roll * my);
            panY = (sdy / w) - (roll * mx) - (zoom * my);
        }
        double camera = moves.Average(m => Math.Sqrt(Square(panX + (zoom * m.X) - (roll * m.Y)) + Square(panY + (roll * m.X) + (zoom * m.Y))));
        return new CameraMotion(panX, panY, zoom, roll, camera, moves.Average(m => Residual(m, panX, panY, zoom, roll)), confidence);
    }

    private static double Residual((double X, double Y, double Dx, double Dy) m, double panX, double panY, double zoom, double roll) =>
        Math.Sqrt(Square(m.Dx - panX - (zoom * m.X) + (roll * m.Y)) + Square(m.Dy - panY - (roll * m.X) - (zoom * m.Y)));

    private static double Square(double v) => v * v;

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
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
