// Motion for free: the vectors that the encoder stored.
// Definition: cosmos-curate, pipelines/video/filtering/motion (revision 1db44af): blocks of 8 and 16 paint their displacement, lengths are
// taken over width + height, the patch value is a bilinear sample of the mean picture at the centers of squares of 256.
using Kinora.Media;

namespace Kinora.Curation.Scores;

/// <summary>Mean displacement of one frame's blocks.</summary>
/// <param name="Mean">Over all pixels, as a share of width + height.</param>
/// <param name="Patches">At the centers of 256-pixel squares; empty for pictures too small for one.</param>
internal sealed record CodecMotion(double Mean, double[] Patches)
{
    private const int Patch = 256;
    private static readonly (int Width, int Height)[] BlockOrder = [(8, 8), (16, 16), (16, 8), (8, 16)];

    /// <summary>The motion of a frame; null when it has no vectors.</summary>
    public static CodecMotion? Of(IReadOnlyList<MotionVector> vectors, int w, int h)
    {
        if (vectors.Count == 0) { return null; }
        float[] lengths = new float[w * h];
        foreach (var (blockWidth, blockHeight) in BlockOrder)
        {
            foreach (var v in vectors)
            {
                if (v.BlockWidth == blockWidth && v.BlockHeight == blockHeight) { Paint(v, lengths, w, h); }
            }
        }
        double sum = 0;
        foreach (float length in lengths) { sum += length; }
        return new CodecMotion(sum / lengths.Length, PatchesOf(lengths, w, h));
    }

    private static void Paint(MotionVector v, float[] lengths, int w, int h)
    {
        if (v.MotionScale == 0) { return; }
        double dx = (double)v.MotionX / v.MotionScale, dy = (double)v.MotionY / v.MotionScale;
        float length = (float)(Math.Sqrt((dx * dx) + (dy * dy)) / (w + h));
        int left = Math.Clamp(v.DestinationX - (v.BlockWidth / 2), 0, w - 1), right = Math.Clamp(v.DestinationX + (v.BlockWidth / 2) - 1, 0, w - 1);
        int top = Math.Clamp(v.DestinationY - (v.BlockHeight / 2), 0, h - 1), bottom = Math.Clamp(v.DestinationY + (v.BlockHeight / 2) - 1, 0, h - 1);
        for (int y = top; y <= bottom; y++) { lengths.AsSpan((y * w) + left, right - left + 1).Fill(length); }
    }

    private static double[] PatchesOf(float[] lengths, int w, int h)
    {
        int columns = (int)Math.Round((double)w / Patch, MidpointRounding.ToEven), rows = (int)Math.Round((double)h / Patch, MidpointRounding.ToEven);
        if (w < Patch || h < Patch) { return []; }
        var patches = new double[columns * rows];
        for (int j = 0; j < rows; j++)
        {
            for (int i = 0; i < columns; i++)
            {
                int x = (i * Patch) + (Patch / 2) - 1, y = (j * Patch) + (Patch / 2) - 1;
                int right = Math.Min(x + 1, w - 1), below = Math.Min(y + 1, h - 1);
                patches[(j * columns) + i] = (lengths[(y * w) + x] + lengths[(y * w) + right] + lengths[(below * w) + x] + lengths[(below * w) + right]) / 4.0;
            }
        }
        return patches;
    }
}
