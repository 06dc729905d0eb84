// SigLIP: both encoders and their similarity. Pictures of another size than the configuration's mean interpolated positions.

using Kinora.Engine;
using Kinora.Models;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Systems.Siglip;

namespace Kinora.Evaluation.Parity.Runners;

internal sealed class SiglipRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes { get; } = ["transformers.SiglipTextModel", "transformers.SiglipVisionModel", "transformers.SiglipModel"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        var named = new NamedOutputs(fixture, outputs);
        switch (fixture.ClassName)
        {
            case "transformers.SiglipTextModel":
                SiglipTextConfig text = ModelConfigJson.ReadFile(fixture.ConfigPath, SiglipJson.Default.SiglipTextConfig);
                SiglipTextModel reading = fixture.Load(path => new SiglipTextModel(path, text), isOmitted: ClipModel.IsBuffer);
                Add(named, reading.Forward(fixture.Input("input_ids"), fixture.TryInput("attention_mask")?.To(DType.Bool)), reading);
                break;
            case "transformers.SiglipVisionModel":
                SiglipVisionConfig vision = ModelConfigJson.ReadFile(fixture.ConfigPath, SiglipJson.Default.SiglipVisionConfig);
                SiglipVisionModel seeing = fixture.Load(path => new SiglipVisionModel(path, vision), isOmitted: ClipModel.IsBuffer);
                Tensor pixels = fixture.Input("pixel_values");
                Add(named, seeing.Forward(pixels, interpolatePositions: pixels.Size(2) != vision.ImageSize || pixels.Size(3) != vision.ImageSize), seeing);
                break;
            default:
                SiglipConfig config = ModelConfigJson.ReadFile(fixture.ConfigPath, SiglipJson.Default.SiglipConfig);
                SiglipModel siglip = fixture.Load(path => new SiglipModel(path, config), isOmitted: ClipModel.IsBuffer);
                ClipOutput both = siglip.Forward(fixture.Input("input_ids"), fixture.Input("pixel_values"));
                named.Add("out.logits_per_image", both.LogitsPerImage).Add("out.logits_per_text", both.LogitsPerImage.Transpose(0, 1)).Add("out.image_embeds", both.ImageEmbeds)
                    .Add("out.text_embeds", both.TextEmbeds).AddGradients(siglip);
                break;
        }
    }

    private static void Add(NamedOutputs named, SiglipOutput output, Module network) =>
        named.Add("out.last_hidden_state", output.LastHiddenState).Add("out.pooler_output", output.Pooled).AddHiddenStates(output.HiddenStates).AddGradients(network);
}
