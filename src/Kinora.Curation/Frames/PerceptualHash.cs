// Which low frequencies of a small gray picture are above their median.
namespace Kinora.Curation.Frames;

/// <summary>DCT hash: gray, area-shrunk, scaled to maximum 1, DCT-II, the low block compared with its median.</summary>
/// <param name="size">Side of the hash in bits.</param>
/// <param name="lowPass">The transformed picture has side size·lowPass.</param>
internal sealed class PerceptualHash(int size, int lowPass)
{
    private readonly int _side = size * lowPass;
    private readonly byte[] _small = new byte[size * lowPass * size * lowPass];
    private readonly double[] _cosines = Cosines(size, size * lowPass);
    private readonly double[] _rows = new double[size * lowPass * size], _low = new double[size * size], _sorted = new double[size * size];

    /// <summary>Writes the bits of a gray picture, row-major.</summary>
    public void Compute(ReadOnlySpan<byte> gray, int width, int height, Span<bool> bits)
    {
        AreaResize.Shrink(gray, width, height, _small, _side, _side);
        int max = 0;
        foreach (byte sample in _small) { max = Math.Max(max, sample); }
        double scale = max == 0 ? 1 : 1.0 / max;
        for (int y = 0; y < _side; y++)
        {
            for (int u = 0; u < size; u++)
            {
                double sum = 0;
                for (int x = 0; x < _side; x++) { sum += _small[(y * _side) + x] * _cosines[(u * _side) + x]; }
                _rows[(y * size) + u] = sum * scale;
            }
        }
        for (int v = 0; v < size; v++)
        {
            for (int u = 0; u < size; u++)
            {
                double sum = 0;
                for (int y = 0; y < _side; y++) { sum += _rows[(y * size) + u] * _cosines[(v * _side) + y]; }
                _low[(v * size) + u] = (float)sum;
            }
        }
        _low.CopyTo(_sorted, 0);
        Array.Sort(_sorted);
        double median = (_sorted[(_sorted.Length - 1) / 2] + _sorted[_sorted.Length / 2]) / 2;
        for (int i = 0; i < bits.Length; i++) { bits[i] = _low[i] > median; }
    }

    // Orthonormal DCT-II: c(u)·√(2/n)·cos((2x + 1)uπ / 2n).
    private static double[] Cosines(int size, int n)
    {
        var table = new double[size * n];
        for (int u = 0; u < size; u++)
        {
            double scale = Math.Sqrt((u == 0 ? 1.0 : 2.0) / n);
            for (int x = 0; x < n; x++) { table[(u * n) + x] = scale * Math.Cos(((2 * x) + 1) * u * Math.PI / (2 * n)); }
        }
        return table;
    }
}
