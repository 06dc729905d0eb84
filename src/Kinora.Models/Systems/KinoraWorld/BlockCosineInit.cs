using Kinora.Engine;
using Kinora.Engine.Random;

namespace Kinora.Models.Systems.KinoraWorld;

/// <summary>
/// Fills a linear layer with the lowest functions of the cosine transform of a block of frames, rows and columns, color by color:
/// Ahmed, Natarajan, Rao, "Discrete cosine transform", IEEE Trans. Computers 1974, in three dimensions. A basis
/// function has mean square 1, so that analysis divided by the number of positions is the inverse of synthesis and gives a block's mean as
/// its first coefficient. What does not fit into the latent channels is left out, highest frequencies first.
/// </summary>
/// <param name="T">Frames of a block.</param>
/// <param name="S">Rows and columns of a block.</param>
/// <param name="C">Colors.</param>
/// <param name="Synthesis">Whether the weight maps coefficients to pixels, [T·S·S·C, n], or pixels to coefficients, [n, T·S·S·C].</param>
internal sealed record BlockCosineInit(int T, int S, int C, bool Synthesis) : Init
{
    /// <inheritdoc/>
    public override void Fill(Span<float> values, ReadOnlySpan<long> shape, Generator generator)
    {
        int count = (int)(Synthesis ? shape[1] : shape[0]), size = T * S * S * C;
        var frequencies = Frequencies().Take((count + C - 1) / C).ToArray();
        for (var k = 0; k < count; k++)
        {
            var (ft, fy, fx) = frequencies[k / C];
            var color = k % C;
            for (var t = 0; t < T; t++)
            for (var y = 0; y < S; y++)
            for (var x = 0; x < S; x++)
            {
                // Order inside a block: (frame, row, column, channel), as SpaceTimeFolding lays it out.
                var pixel = ((t * S + y) * S + x) * C + color;
                var basis = Cosine(ft, t, T) * Cosine(fy, y, S) * Cosine(fx, x, S);
                values[Synthesis ? pixel * count + k : k * size + pixel] = (float)basis;
            }
        }
    }

    // Lowest total frequency first; slow in time before fine in space.
    private IEnumerable<(int T, int Y, int X)> Frequencies() =>
        from t in Enumerable.Range(0, T)
        from y in Enumerable.Range(0, S)
        from x in Enumerable.Range(0, S)
        orderby t + y + x, t * t + y * y + x * x, t, y
        select (t, y, x);

    private static double Cosine(int frequency, int position, int length) =>
        frequency == 0 ? 1 : Math.Sqrt(2) * Math.Cos(Math.PI * (position + 0.5) * frequency / length);
}
