using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Media;
using Kinora.Models.Generation;

namespace Kinora.Models.Tests.Generation;

public sealed class LatentProjectionTests
{
    // An "autoencoder" that averages patches of 4 × 4 pixels and mixes colors into 6 channels; its inverse is linear, so the fit is exact.
    private const int Spatial = 4, Channels = 6;

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void Picture_OfALinearAutoencoder_HasItsColors(int frames)
    {
        using var scope = TensorScope.Enter();
        Tensor mix = new Generator(3).Normal(Channels, 3);
        Tensor Encode(Tensor clip)
        {
            Tensor first = F.AvgPool2d(clip.Select(2, 0), Spatial);                              // [1, 3, h, w]
            var (_, _, h, w) = first.Dims4();
            Tensor latent = mix.Matmul(first.Flatten(2)).Reshape(1, Channels, 1, h, w) + 0.5;
            return frames == 1 ? latent : Tensor.Cat([latent, latent], 2);
        }
        LatentProjection projection = LatentProjection.Fit(Encode, Spatial, frames);
        byte[] rgb = [.. Enumerable.Range(0, 16 * 8).SelectMany(i => i % 16 < 8 ? (byte[])[200, 40, 90] : [20, 180, 130])];

        VideoFrame picture = projection.Picture(Encode(FramePixels.ToModel([new VideoFrame(16, 8, rgb)])));

        // Two latent frames of 4 × 2 stand side by side, each latent 2 × 2 pixels.
        (picture.Width, picture.Height).ShouldBe((frames == 1 ? 8 : 16, 4));
        Near(picture, 0, [200, 40, 90]);
        Near(picture, 7, [20, 180, 130]);
    }

    private static void Near(VideoFrame picture, int x, byte[] color) =>
        picture.Rgb.Skip(3 * x).Take(3).Zip(color, (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThanOrEqualTo(2);
}
