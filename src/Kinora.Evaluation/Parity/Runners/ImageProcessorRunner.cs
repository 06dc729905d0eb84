// Image processors of CLIP and SigLIP, and the resampling of Pillow and OpenCV. The size of each result is that of the fixture's tensor.

using Kinora.Engine;
using Kinora.Media;
using Kinora.Models.Systems.Clip;

namespace Kinora.Evaluation.Parity.Runners;

internal sealed class ImageProcessorRunner : IFixtureRunner
{
    private static readonly Dictionary<string, ScaleFilter> OpenCvFilters = new(StringComparer.Ordinal) { ["area"] = ScaleFilter.Area, ["linear"] = ScaleFilter.Bilinear, ["cubic"] = ScaleFilter.Bicubic };

    public IReadOnlyList<string> Classes { get; } = ["CLIPImageProcessor", "SiglipImageProcessor"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        Tensor image = fixture.Input("image_u8");                                                // [H, W, 3]
        var picture = new VideoFrame((int)image.Size(1), (int)image.Size(0), image.ToArray<byte>());
        foreach (string name in fixture.Expected)
        {
            string[] words = name.Split('.', '_');
            Tensor expected = fixture.ExpectedTensor(name);
            if (words[1] == "clip" && expected.DType == DType.UInt8)
            {
                outputs.Add(name, Bytes(Clip((int)expected.Size(0)).Resize(picture)));
            }
            else if (words[1] == "clip")
            {
                outputs.Add(name, Clip((int)expected.Size(1)).Process(picture).Select(0, 0));
            }
            else if (words[1] == "siglip")
            {
                outputs.Add(name, new ClipImageProcessor(ClipImageProcessorConfig.Siglip((int)expected.Size(1))).Process(picture).Select(0, 0));
            }
            else if (words[1] == "pil" && Enum.TryParse(words[2], ignoreCase: true, out PillowFilter filter))
            {
                outputs.Add(name, Bytes(PillowResize.Resize(picture, (int)expected.Size(1), (int)expected.Size(0), filter)));
            }
            else if (words[1] == "cv2" && OpenCvFilters.TryGetValue(words[2], out ScaleFilter scale))
            {
                // OpenCV's fixed-point weights leave one level of freedom; meta.json allows it.
                outputs.Add(name, Bytes(OpenCvResize.Resize(picture, (int)expected.Size(1), (int)expected.Size(0), scale)), new Tolerance(1));
            }
        }
    }

    private static ClipImageProcessor Clip(int side) => new(ClipImageProcessorConfig.Clip(side));

    private static Tensor Bytes(VideoFrame frame) => Tensor.FromArray(frame.Rgb, frame.Height, frame.Width, 3);
}
