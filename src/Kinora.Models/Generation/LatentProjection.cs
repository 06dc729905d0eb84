// Latents as colors without a decoder: one matrix, fitted to the autoencoder at hand.
//     rgb = A z + b,  least squares over the latents of smooth pictures, which the encoder is asked for once
// A latent of smooth content stands for the mean color of its patch, which is why a linear map shows more than it costs. Fitting needs no
// table of coefficients per model and holds for autoencoders that nobody has made a table for.

using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Media;

namespace Kinora.Models.Generation;

/// <summary>Shows latents as small pictures.</summary>
internal sealed class LatentProjection
{
    private const int PatchesPerSide = 8, SamplesPerUnknown = 4, Waves = 3, MostFrames = 4;
    private const double Ridge = 1e-4;
    private const ulong Seed = 1;
    private readonly double[] _weights; // [C + 1, 3], the last row is b
    private readonly int _channels, _scale;

    private LatentProjection(double[] weights, int channels, int scale) => (_weights, _channels, _scale) = (weights, channels, scale);

    /// <summary>Fits the map.</summary>
    /// <param name="encode">(clip [1, 3, F, H, W] in [−1, 1]) → latents as sampling sees them, [1, C, f, h, w].</param>
    /// <param name="spatial">Pixels of a latent's side.</param>
    /// <param name="frames">Frames of a clip to encode: 1 for pictures, else 1 + what a later latent frame stands for.</param>
    public static LatentProjection Fit(Func<Tensor, Tensor> encode, int spatial, int frames)
    {
        using var inference = GradMode.Inference();
        var random = new Generator(Seed);
        var rows = new List<(double[] Latent, double[] Color)>();
        int channels;
        do
        {
            using var scope = TensorScope.Enter();
            Tensor colors = Smooth(random);                                                      // [3, 8, 8] in [−1, 1]
            Tensor picture = colors.Unsqueeze(0).RepeatInterleave(spatial, 2).RepeatInterleave(spatial, 3);
            Tensor latents = encode(picture.Unsqueeze(2).Expand(1, 3, frames, picture.Size(2), picture.Size(3)).Contiguous()).To(Device.Cpu).To(DType.Float32);
            var (_, c, f, h, w) = latents.Dims5();
            channels = (int)c;
            float[] z = latents.Contiguous().ToArray<float>(), rgb = colors.Contiguous().ToArray<float>();
            for (int i = 0; i < f * h * w; i++)
            {
                int place = (int)(i % (h * w));
                rows.Add(([.. Enumerable.Range(0, channels).Select(k => (double)z[k * f * h * w + i]), 1], [rgb[place], rgb[(h * w) + place], rgb[(2 * h * w) + place]]));
            }
        }
        while (rows.Count < SamplesPerUnknown * (channels + 1));
        return new LatentProjection(Solve(rows, channels + 1), channels, Math.Max(1, spatial / 2));
    }

    /// <summary>Up to four frames of a clip, evenly spaced, side by side.</summary>
    /// <param name="latents">As sampling sees them, [1, C, f, h, w].</param>
    public VideoFrame Picture(Tensor latents)
    {
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        var (_, _, f, h, w) = latents.Dims5();
        int shown = (int)Math.Min(f, MostFrames);
        var frames = Enumerable.Range(0, shown).Select(i => latents.Select(0, 0).Select(1, shown == 1 ? 0 : (int)(i * (f - 1) / (shown - 1)))); // [C, h, w]
        Tensor strip = Tensor.Cat([.. frames], 2).To(Device.Cpu).To(DType.Float32);              // [C, h, n·w]
        Tensor map = Tensor.FromArray<float>([.. _weights.Select(v => (float)v)], _channels + 1, 3);
        Tensor rgb = strip.Flatten(1).Transpose(0, 1).Matmul(map.Narrow(0, 0, _channels)) + map.Narrow(0, _channels, 1); // [h·n·w, 3]
        Tensor pixels = rgb.Transpose(0, 1).Reshape(1, 3, 1, h, shown * w).RepeatInterleave(_scale, 3).RepeatInterleave(_scale, 4);
        return FramePixels.FromModel(pixels, 0)[0];
    }

    // Sums of slow waves in every color: [3, 8, 8], each patch one color.
    private static Tensor Smooth(Generator random)
    {
        float[] draws = random.Normal(3, Waves, 4).ToArray<float>();
        var colors = new float[3 * PatchesPerSide * PatchesPerSide];
        for (int i = 0; i < colors.Length; i++)
        {
            int color = i / (PatchesPerSide * PatchesPerSide), y = i / PatchesPerSide % PatchesPerSide, x = i % PatchesPerSide;
            double sum = 0;
            for (int wave = 0; wave < Waves; wave++)
            {
                int at = ((color * Waves) + wave) * 4;
                sum += draws[at] * Math.Cos((draws[at + 1] * x + draws[at + 2] * y) / PatchesPerSide * Math.PI + draws[at + 3]);
            }
            colors[i] = (float)Math.Tanh(sum);
        }
        return Tensor.FromArray(colors, 3, PatchesPerSide, PatchesPerSide);
    }

    // (XᵀX + λ tr(XᵀX)/n I) W = XᵀY by Gauss-Jordan with pivots; n is a few dozen.
    private static double[] Solve(List<(double[] Latent, double[] Color)> rows, int n)
    {
        var system = new double[n][];
        double trace = rows.Sum(r => r.Latent.Sum(v => v * v));
        for (int i = 0; i < n; i++)
        {
            system[i] = [.. Enumerable.Range(0, n).Select(j => rows.Sum(r => r.Latent[i] * r.Latent[j]) + (i == j ? Ridge * trace / n : 0)), .. Enumerable.Range(0, 3).Select(k => rows.Sum(r => r.Latent[i] * r.Color[k]))];
        }
        for (int column = 0; column < n; column++)
        {
            int pivot = Enumerable.Range(column, n - column).MaxBy(row => Math.Abs(system[row][column]));
            (system[column], system[pivot]) = (system[pivot], system[column]);
            for (int row = 0; row < n; row++)
            {
                double factor = row == column ? 0 : system[row][column] / system[column][column];
                for (int j = column; factor != 0 && j < n + 3; j++)
                {
                    system[row][j] -= factor * system[column][j];
                }
            }
        }
        return [.. Enumerable.Range(0, n).SelectMany(i => Enumerable.Range(0, 3).Select(k => system[i][n + k] / system[i][i]))];
    }
}
