using Kinora.Engine;
using Kinora.Engine.Random;

namespace Kinora.Models.Systems.AnimateDiff;

// The place of a frame as sines and cosines side by side: pe[f, 2i] = sin(f·ω_i), pe[f, 2i + 1] = cos(f·ω_i), ω_i = 10000^(−2i/C).
// Paper: Vaswani et al., arXiv:1706.03762, section 3.5. It stands in the checkpoint like a parameter (`pos_embed.pe`), but is never trained.
internal sealed record FramePositions : Init
{
    private const double MaxPeriod = 10_000;

    public static Init Init { get; } = new FramePositions();

    public override void Fill(Span<float> values, ReadOnlySpan<long> shape, Generator generator)
    {
        int width = (int)shape[^1], frames = (int)shape[^2];
        for (int f = 0; f < frames; f++)
        {
            for (int i = 0; i < width; i++)
            {
                double phase = f * Math.Exp(-Math.Log(MaxPeriod) * (i - i % 2) / width);
                values[f * width + i] = (float)(i % 2 == 0 ? Math.Sin(phase) : Math.Cos(phase));
            }
        }
    }
}
