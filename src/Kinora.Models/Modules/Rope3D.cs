using Kinora.Engine;

namespace Kinora.Models.Modules;

// Rotary position embedding over frames, rows and columns.
// Paper: Su et al., "RoFormer", arXiv:2104.09864, section 3.4; split of the head over three axes as in
// Wan-Video/Wan2.1 9737cba, wan/modules/model.py: rows and columns get 2·⌊d/6⌋ channels each, frames the rest.
//
// Channels (2i, 2i+1) of a head form one complex number, turned by position · θ^(−2i / d_axis).
// Positions are patch indices from zero, so any clip length and size has its angles; nothing is learned.
//
// Numerics  angles in float64 on the host, rounded once to float32.
public sealed class Rope3D(int headDim, double theta)
{
    /// <summary>Channels of a head that turn with the frame, the row and the column.</summary>
    public (int Frames, int Rows, int Columns) AxisDims { get; } = (headDim - 4 * (headDim / 6), 2 * (headDim / 6), 2 * (headDim / 6));

    /// <summary>Cosines and sines for tokens in (frame, row, column) order, two tensors [frames · rows · columns, headDim / 2].</summary>
    public (Tensor Cos, Tensor Sin) Angles(long frames, long rows, long columns, Device device)
    {
        var (dimF, dimH, dimW) = AxisDims;
        var f = Axis(frames, dimF);
        var h = Axis(rows, dimH);
        var w = Axis(columns, dimW);
        var half = headDim / 2;
        var cos = new float[frames * rows * columns * half];
        var sin = new float[cos.Length];
        long at = 0;
        for (long i = 0; i < frames; i++)
        for (long j = 0; j < rows; j++)
        for (long k = 0; k < columns; k++)
        {
            at = Put(f, i, dimF / 2, at);
            at = Put(h, j, dimH / 2, at);
            at = Put(w, k, dimW / 2, at);
        }
        return (Tensor.FromArray(cos, at / half, half).To(device), Tensor.FromArray(sin, at / half, half).To(device));

        long Put((float Cos, float Sin)[] axis, long position, int count, long offset)
        {
            for (var c = 0; c < count; c++) (cos[offset + c], sin[offset + c]) = axis[position * count + c];
            return offset + count;
        }
    }

    private (float Cos, float Sin)[] Axis(long length, int dim)
    {
        var count = dim / 2;
        var table = new (float, float)[length * count];
        for (long p = 0; p < length; p++)
        for (var i = 0; i < count; i++)
        {
            var angle = p * Math.Pow(theta, -2.0 * i / dim);
            table[p * count + i] = ((float)Math.Cos(angle), (float)Math.Sin(angle));
        }
        return table;
    }
}
