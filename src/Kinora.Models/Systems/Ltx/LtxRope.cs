using Kinora.Engine;

namespace Kinora.Models.Systems.Ltx;

// Rotary position embedding over the full width of the model, with real coordinates: seconds, and pixels over the size trained for.
// Paper: HaCohen et al., "LTX-Video", arXiv:2501.00103, section 2.2; layout as in huggingface/diffusers d035dcd7, transformer_ltx.py:
// n = ⌊D/6⌋ frequencies θ^(i/(n−1)) · π/2, i = 0 .. n − 1, turn by ω (2c − 1); for every frequency stand frame, row and column one after
// the other; D mod 6 channels in front do not turn.
//
// Shapes    B batch  S tokens  D width
// Numerics  float32 with the reference's order of operations: the fastest frequency turns by 15,708, where float32 is 0.001 coarse, and a
//           more exact angle is another one.
public static class LtxRope
{
    private const double Theta = 10_000, BaseFrames = 20, BaseSide = 2048;

    /// <summary>Cosines and sines [B·S or S, D/2] of tokens whose coordinates are given.</summary>
    /// <param name="coordinates">Frame in seconds, row and column in pixels: [S, 3] in float32.</param>
    /// <param name="dim">D, even and at least 6.</param>
    public static (Tensor Cos, Tensor Sin) Angles(Tensor coordinates, int dim)
    {
        using var scope = TensorScope.Enter();
        var (s, _) = coordinates.Dims2();
        int n = dim / 6, still = dim % 6 / 2;
        var grid = coordinates / Tensor.FromArray<float>([(float)BaseFrames, (float)BaseSide, (float)BaseSide], 3).To(coordinates.Device);
        var frequencies = Tensor.Full([n], Theta).Pow(Tensor.Linspace(0, 1, n)) * (Math.PI / 2);
        var phase = frequencies.To(coordinates.Device).Unsqueeze(1) * (grid * 2 - 1).Unsqueeze(1); // [S, n, 3]
        var angles = phase.Reshape(s, 3 * n);
        var cos = Tensor.Cat([Tensor.Ones([s, still], device: coordinates.Device), angles.Cos()], 1);
        var sin = Tensor.Cat([Tensor.Zeros([s, still], device: coordinates.Device), angles.Sin()], 1);
        return (scope.Keep(cos), scope.Keep(sin));                                               // [S, D/2]
    }

    /// <summary>Coordinates [S, 3] of a clip's tokens in (frame, row, column) order: indices times their scales.</summary>
    /// <param name="frames">Token frames.</param>
    /// <param name="rows">Token rows.</param>
    /// <param name="columns">Token columns.</param>
    /// <param name="frameScale">Seconds from one latent frame to the next.</param>
    /// <param name="rowScale">Pixels from one row to the next.</param>
    /// <param name="columnScale">Pixels from one column to the next.</param>
    public static Tensor Grid(long frames, long rows, long columns, double frameScale, double rowScale, double columnScale)
    {
        var values = new float[frames * rows * columns * 3];
        long at = 0;
        for (long f = 0; f < frames; f++)
        for (long h = 0; h < rows; h++)
        for (long w = 0; w < columns; w++)
        {
            values[at++] = f * (float)frameScale;
            values[at++] = h * (float)rowScale;
            values[at++] = w * (float)columnScale;
        }
        return Tensor.FromArray(values, at / 3, 3);
    }
}
