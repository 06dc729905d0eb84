using Kinora.Engine;
using Kinora.Evaluation.Frames;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>PSNR and SSIM of a pair of pictures.</summary>
internal sealed class FramePairRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes { get; } = ["skimage PSNR / SSIM"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        Tensor first = fixture.Input("a"), second = fixture.Input("b");
        var (height, width, channels) = first.Dims3();
        int w = (int)width, h = (int)height;
        byte[] a = first.ToArray<byte>(), b = second.ToArray<byte>();
        var tolerance = new Tolerance(0, fixture.Meta.GetProperty("tolerance_advice").GetProperty("rel").GetDouble());
        outputs.Add("out.psnr", Tensor.FromArray([PeakSignalToNoise.Of(a, b)], 1), tolerance);
        outputs.Add("out.ssim_rgb_gaussian", Tensor.FromArray([StructuralSimilarity.Of(a, b, w, h, (int)channels, SimilarityWindow.Gaussian)], 1), tolerance);
        double[] grayA = Gray(a), grayB = Gray(b);
        double[] uniform = StructuralSimilarity.Map(grayA, grayB, w, h, SimilarityWindow.Uniform7);
        outputs.Add("out.ssim_gray_uniform7", Tensor.FromArray([StructuralSimilarity.Mean(uniform, w, h, SimilarityWindow.Uniform7)], 1), tolerance);
        outputs.Add("out.ssim_map_gaussian", Tensor.FromArray(StructuralSimilarity.Map(grayA, grayB, w, h, SimilarityWindow.Gaussian), height, width), tolerance);
    }

    private static double[] Gray(byte[] rgb) => [.. Enumerable.Range(0, rgb.Length / 3).Select(i => (double)rgb[3 * i])];
}
