using Kinora.Engine;

namespace Kinora.Models.Systems.CogVideoX;

// Where a token stands in a clip: sines and cosines added to it (2B), or rotations of queries and keys (5B).
// Paper: Yang et al., "CogVideoX", arXiv:2408.06072, section 2.2.
// Formulas as in huggingface/diffusers d035dcd7, models/embeddings.py (get_3d_sincos_pos_embed, get_3d_rotary_pos_embed) and
// pipelines/cogvideo/pipeline_cogvideox.py (get_resize_crop_region_for_grid).
//
// Tokens come in (frame, row, column) order; text tokens stand before them and have no position.
// Numerics  angles in float64 on the host, rounded once to float32.
public static class CogVideoXPositions
{
    private const double Theta = 10_000;

    /// <summary>What is added to a token: the first quarter of the channels says when, the rest where. [1, text + frames · rows · columns, dim]</summary>
    /// <param name="dim">Channels of a token.</param>
    /// <param name="textTokens">Rows of zeros in front.</param>
    /// <param name="frames">Tokens along time.</param>
    /// <param name="rows">Tokens along the height.</param>
    /// <param name="columns">Tokens along the width.</param>
    /// <param name="spatialScale">Rows and columns are divided by it.</param>
    /// <param name="temporalScale">Frames are divided by it.</param>
    public static Tensor SinCos(int dim, int textTokens, int frames, int rows, int columns, double spatialScale, double temporalScale)
    {
        int time = dim / 4, axis = 3 * time / 2;
        var values = new float[(textTokens + (long)frames * rows * columns) * dim];
        long at = (long)textTokens * dim;
        for (var f = 0; f < frames; f++)
        for (var row = 0; row < rows; row++)
        for (var column = 0; column < columns; column++, at += dim)
        {
            Wave(values.AsSpan((int)at, time), f / temporalScale);
            Wave(values.AsSpan((int)at + time, axis), column / spatialScale);
            Wave(values.AsSpan((int)at + time + axis, axis), row / spatialScale);
        }
        return Tensor.FromArray(values, 1, values.Length / dim, dim);
    }

    /// <summary>
    /// Cosines and sines that turn neighboring pairs of a head's channels: a quarter of the head by the frame, three eighths each by row and
    /// column. Two tensors [frames · rows · columns, headDim / 2].
    /// </summary>
    public static (Tensor Cos, Tensor Sin) Rotary(CogVideoXTransformerConfig config, int frames, int rows, int columns)
    {
        int d = config.AttentionHeadDim, time = d / 4, axis = d / 8 * 3, half = d / 2;
        var (y, x) = config.PatchSizeT is null
            ? Grid(rows, columns, config.SampleHeight / config.PatchSize, config.SampleWidth / config.PatchSize)
            : (Whole(rows), Whole(columns));
        float[] cos = new float[(long)frames * rows * columns * half], sin = new float[cos.Length];
        var at = 0;
        for (var f = 0; f < frames; f++)
        for (var row = 0; row < rows; row++)
        for (var column = 0; column < columns; column++)
        {
            Turn(f, time);
            Turn(y[row], axis);
            Turn(x[column], axis);
        }
        return (Tensor.FromArray(cos, cos.Length / half, half), Tensor.FromArray(sin, sin.Length / half, half));

        void Turn(double position, int dims)
        {
            for (var i = 0; i < dims / 2; i++, at++)
            {
                var angle = position * Math.Pow(Theta, -2.0 * i / dims);
                (cos[at], sin[at]) = ((float)Math.Cos(angle), (float)Math.Sin(angle));
            }
        }
    }

    // The training grid is scaled to hold this clip's aspect, and the clip's tokens are spread over the centered part that it takes.
    private static (double[] Y, double[] X) Grid(int rows, int columns, int baseRows, int baseColumns)
    {
        var tall = (double)rows / columns > (double)baseRows / baseColumns;
        int height = tall ? baseRows : Round((double)baseColumns / columns * rows), width = tall ? Round((double)baseRows / rows * columns) : baseColumns;
        int top = Round((baseRows - height) / 2.0), left = Round((baseColumns - width) / 2.0);
        return (Spread(top, top + height, rows), Spread(left, left + width, columns));
    }

    private static double[] Whole(int count) => [.. Enumerable.Range(0, count).Select(i => (double)i)];

    // count points from start, the last at stop · (count − 1) / count.
    private static double[] Spread(int start, int stop, int count)
    {
        var last = stop * (count - 1.0) / count;
        return [.. Enumerable.Range(0, count).Select(i => count == 1 ? start : start + (last - start) * i / (count - 1))];
    }

    // Halves go to the even neighbor, as in the reference's language.
    private static int Round(double value) => (int)Math.Round(value, MidpointRounding.ToEven);

    // [sin(p ω_i) ..., cos(p ω_i) ...], ω_i = 10000^(−2i / d)
    private static void Wave(Span<float> to, double position)
    {
        var half = to.Length / 2;
        for (var i = 0; i < half; i++)
        {
            var angle = position * Math.Pow(Theta, -(double)i / half);
            (to[i], to[half + i]) = ((float)Math.Sin(angle), (float)Math.Cos(angle));
        }
    }
}
