// The camera's share of motion: the shift, zoom and turn that most of the picture obeys.
//
//     dx = panX + zoom·x − roll·y,  dy = panY + roll·x + zoom·y        x, y from the picture's center
//
// Iterated reweighted least squares with Tukey's biweight (c = 4.685, scale 1.4826 times the median residual), started at the median.
// Source of weight and scale: Holland and Welsch, "Robust regression using iteratively reweighted least-squares", 1977.
namespace Kinora.Curation.Scores;

/// <summary>Motion from one picture to a later one, in pixels of the pictures that were compared.</summary>
/// <param name="PanX">Image content moves right by this much at the center.</param>
/// <param name="PanY">Image content moves down by this much at the center.</param>
/// <param name="Zoom">Relative growth.</param>
/// <param name="Roll">Clockwise turn in radians.</param>
/// <param name="Camera">Mean length of the camera's motion over the places that count, pixels.</param>
/// <param name="Object">Mean length of what the camera does not explain, pixels.</param>
/// <param name="Confidence">Share of the picture that counts.</param>
public sealed record CameraMotion(double PanX, double PanY, double Zoom, double Roll, double Camera, double Object, double Confidence);

/// <summary>How one place of a picture moves.</summary>
/// <param name="X">From the center, to the right.</param>
/// <param name="Y">From the center, down.</param>
/// <param name="Dx">Motion to the right.</param>
/// <param name="Dy">Motion down.</param>
internal readonly record struct Displacement(double X, double Y, double Dx, double Dy);

internal static class SimilarityFit
{
    private const int Iterations = 10;
    private const double Tukey = 4.685, LeastScale = 0.25;

    /// <summary>The camera that most of at least four displacements obey.</summary>
    public static CameraMotion Of(IReadOnlyList<Displacement> moves, double confidence)
    {
        double panX = Median(moves.Select(m => m.Dx)), panY = Median(moves.Select(m => m.Dy)), zoom = 0, roll = 0;
        for (int i = 0; i < Iterations; i++)
        {
            double[] residuals = [.. moves.Select(m => Residual(m, panX, panY, zoom, roll))];
            double scale = Math.Max(LeastScale, 1.4826 * Median(residuals));
            // Normal equations of the weighted least squares.
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

    private static double Residual(Displacement m, double panX, double panY, double zoom, double roll) =>
        Math.Sqrt(Square(m.Dx - panX - (zoom * m.X) + (roll * m.Y)) + Square(m.Dy - panY - (roll * m.X) - (zoom * m.Y)));

    private static double Square(double v) => v * v;

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
