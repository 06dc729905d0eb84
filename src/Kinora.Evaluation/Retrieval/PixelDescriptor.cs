// What a clip looks like, coarsely, without any network: for finding copies.

using Kinora.Media;

namespace Kinora.Evaluation.Retrieval;

/// <summary>Five frames at even distances, each averaged to 8×8 cells of three colors, less the mean over all of them, of unit length. The inner product of two is the correlation of two coarse clips.</summary>
public static class PixelDescriptor
{
    /// <summary>Frames looked at; cells along a side.</summary>
    public const int Frames = 5, Cells = 8;

    /// <summary>Numbers of a descriptor.</summary>
    public const int Dimension = Frames * Cells * Cells * 3;

    /// <summary>In words, for passports.</summary>
    public const string Name = "pixels, 5 frames of 8×8 cells";

    /// <summary>The descriptor of a clip of any size.</summary>
    /// <exception cref="EvaluationException">The clip is smaller than 8×8 pixels.</exception>
    public static double[] Of(Clip clip)
    {
        ArgumentNullException.ThrowIfNull(clip);
        return Of(i => clip.Frames[i].Rgb, clip.Frames.Count, clip.Width, clip.Height);
    }

    /// <summary>The descriptor of bytes [F, H, W, 3].</summary>
    public static double[] Of(ReadOnlyMemory<byte> rgb, int frames, int width, int height)
    {
        int bytes = width * height * 3;
        return rgb.Length == frames * bytes
            ? Of(i => rgb.Slice(i * bytes, bytes), frames, width, height)
            : throw new EvaluationException($"a clip of {width}×{height}, {frames} frames has {frames * bytes} bytes, got {rgb.Length}.");
    }

    private static double[] Of(Func<int, ReadOnlyMemory<byte>> frame, int frames, int width, int height)
    {
        if (width < Cells || height < Cells)
            throw new EvaluationException($"{width}×{height} pixels: at least {Cells}×{Cells} are needed to compare clips");
        var values = new double[Dimension];
        for (int f = 0; f < Frames; f++)
            Cell(frame(f * (frames - 1) / (Frames - 1)).Span, width, height, values.AsSpan(f * Cells * Cells * 3, Cells * Cells * 3));
        double mean = values.Average(), length = 0;
        for (int i = 0; i < values.Length; i++)
        {
            values[i] -= mean;
            length += values[i] * values[i];
        }
        // A clip of one color has no direction; zeros resemble nothing.
        double scale = length > 1e-12 ? 1 / Math.Sqrt(length) : 0;
        for (int i = 0; i < values.Length; i++)
            values[i] *= scale;
        return values;
    }

    private static void Cell(ReadOnlySpan<byte> rgb, int width, int height, Span<double> cells)
    {
        for (int cy = 0; cy < Cells; cy++)
        {
            for (int cx = 0; cx < Cells; cx++)
            {
                int x0 = cx * width / Cells, x1 = (cx + 1) * width / Cells, y0 = cy * height / Cells, y1 = (cy + 1) * height / Cells;
                long red = 0, green = 0, blue = 0;
                for (int y = y0; y < y1; y++)
                {
                    for (int x = x0; x < x1; x++)
                    {
                        int at = (y * width + x) * 3;
                        red += rgb[at];
                        green += rgb[at + 1];
                        blue += rgb[at + 2];
                    }
                }
                double area = (x1 - x0) * (y1 - y0);
                int cell = (cy * Cells + cx) * 3;
                (cells[cell], cells[cell + 1], cells[cell + 2]) = (red / area, green / area, blue / area);
            }
        }
    }
}
