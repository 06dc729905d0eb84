// What a codec and a generator do to a picture, so that a network trained on rendered clips also reads generated ones:
// loss of fine detail, frames that bleed into each other, blocks of error, drifts of color and contrast.
//
// Shapes    B clips  F frames  H,W height, width

using Kinora.Engine;
using Kinora.Engine.Random;

namespace Kinora.Models.Systems.KinoraWorldClip;

/// <summary>Disturbs rendered clips as codecs and generators do.</summary>
public static class ClipDisturbance
{
    private const double MaxBlur = 1.0, MaxBleed = 0.5, MaxGain = 0.12, MaxShift = 0.08, MaxNoise = 0.12, CleanShare = 0.2;
    private const int NoiseBlock = 4;

    /// <summary>Disturbs clips [B, 3, F, H, W]; one in five stays as it is. All strengths come from <paramref name="random"/>.</summary>
    /// <param name="consecutive">Whether the frames follow each other, so that they may bleed into each other.</param>
    public static Tensor Apply(Tensor x, Generator random, bool consecutive = true)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(random);
        using var scope = TensorScope.Enter();
        var (b, c, f, h, w) = x.Dims5();
        var strength = new bool[b];
        for (int i = 0; i < b; i++)
            strength[i] = !random.NextBool(CleanShare);
        Tensor PerClip(double max) => Tensor.FromArray<float>([.. strength.Select(s => s ? (float)(max * Math.Pow(random.NextDouble(), 2)) : 0f)], b, 1, 1, 1, 1).To(x.Device);
        Tensor PerChannel(double max) => Tensor.FromArray<float>([.. Enumerable.Range(0, (int)(b * c)).Select(i => strength[i / c] ? (float)(max * (2 * random.NextDouble() - 1)) : 0f)], b, c, 1, 1, 1).To(x.Device);

        var frames = x.Reshape(b, c * f, h, w);
        var soft = F.InterpolateBilinear(F.AvgPool2d(frames, 2), h, w).Reshape(b, c, f, h, w);
        var y = x + (soft - x) * PerClip(MaxBlur);
        if (consecutive)
        {
            var before = Tensor.Cat([y.Narrow(2, 0, 1), y.Narrow(2, 0, (int)f - 1)], 2);
            var after = Tensor.Cat([y.Narrow(2, 1, (int)f - 1), y.Narrow(2, (int)f - 1, 1)], 2);
            y = y + ((before + after) * 0.5 - y) * PerClip(MaxBleed);
        }
        y = y * (PerChannel(MaxGain) + 1.0) + PerChannel(MaxShift);
        var noise = random.Normal(b, c * f, h / NoiseBlock, w / NoiseBlock).To(x.Device);
        y = y + F.InterpolateBilinear(noise, h, w).Reshape(b, c, f, h, w) * PerClip(MaxNoise);
        return scope.Keep(y.Clamp(-1, 1));
    }
}
