using Kinora.Engine;
using Kinora.Evaluation.Features;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>Frames as I3D reads them, in both protocols, and the antialiased bicubic reduction of clean FID.</summary>
internal sealed class FvdPreprocessingRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes { get; } = ["FVD pre-processing"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        Tensor frames = fixture.Input("video_u8");
        int size = (int)fixture.Input("resolution").Item();
        outputs.Add("out.videogpt_preprocess", FvdPreprocessing.Prepare(frames, size, FvdResize.CenterCrop));
        outputs.Add("out.direct_resize_bilinear", FvdPreprocessing.Prepare(frames, size, FvdResize.Stretch));
        outputs.Add("out.bicubic_antialias", F.InterpolateBicubicAntialias(frames.Permute(0, 3, 1, 2).To(DType.Float32) / 255.0, size, size).Permute(1, 0, 2, 3));
    }
}
