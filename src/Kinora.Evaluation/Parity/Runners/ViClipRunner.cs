using System.Text.Json;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Systems.ViClip;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>ViCLIP: both embeddings and the cosine, from weights under their published names.</summary>
internal sealed class ViClipRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes { get; } = ["ViCLIP"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        using var model = ViClipModel.Load(Path.Combine(fixture.Folder, "weights.safetensors"));
        Tensor video = model.EncodeVideo(fixture.Input("frames")), text = model.EncodeText(fixture.Input("ids"));
        outputs.Add("out.video_embeds", video);
        outputs.Add("out.text_embeds", text);
        outputs.Add("out.cosine", (video / video.Norm(2, [-1], keepDim: true)).Matmul((text / text.Norm(2, [-1], keepDim: true)).Transpose(0, 1)));
    }
}
