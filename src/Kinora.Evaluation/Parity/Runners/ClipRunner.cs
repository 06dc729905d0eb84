// CLIP: both encoders, with and without projection, and their similarity.

using Kinora.Engine;
using Kinora.Models;
using Kinora.Models.Systems.Clip;

namespace Kinora.Evaluation.Parity.Runners;

internal sealed class ClipRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes { get; } =
        ["transformers.CLIPTextModel", "transformers.CLIPTextModelWithProjection", "transformers.CLIPVisionModel", "transformers.CLIPVisionModelWithProjection", "transformers.CLIPModel"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        var named = new NamedOutputs(fixture, outputs);
        switch (fixture.ClassName)
        {
            case "transformers.CLIPTextModel":
                ClipTextConfig text = TextConfig(fixture);
                ClipTextModel encoder = fixture.Load(path => new ClipTextModel(path, text), isOmitted: ClipModel.IsBuffer);
                AddText(named, encoder.Forward(fixture.Input("input_ids"), Mask(fixture)), encoder);
                break;
            case "transformers.CLIPTextModelWithProjection":
                ClipTextConfig projected = TextConfig(fixture);
                ClipTextModelWithProjection projecting = fixture.Load(path => new ClipTextModelWithProjection(path, projected), isOmitted: ClipModel.IsBuffer);
                AddText(named, projecting.Forward(fixture.Input("input_ids"), Mask(fixture)), projecting);
                break;
            case "transformers.CLIPVisionModel":
                ClipVisionConfig vision = VisionConfig(fixture);
                ClipVisionModel seeing = fixture.Load(path => new ClipVisionModel(path, vision), isOmitted: ClipModel.IsBuffer);
                AddVision(named, seeing.Forward(fixture.Input("pixel_values")), seeing);
                break;
            case "transformers.CLIPVisionModelWithProjection":
                ClipVisionConfig visual = VisionConfig(fixture);
                ClipVisionModelWithProjection embedding = fixture.Load(path => new ClipVisionModelWithProjection(path, visual), isOmitted: ClipModel.IsBuffer);
                AddVision(named, embedding.Forward(fixture.Input("pixel_values")), embedding);
                break;
            default:
                ClipConfig config = ClipConfig.Read(File.ReadAllBytes(fixture.ConfigPath), fixture.ConfigPath);
                ClipModel clip = fixture.Load(path => new ClipModel(path, config), isOmitted: ClipModel.IsBuffer);
                ClipOutput both = clip.Forward(fixture.Input("input_ids"), fixture.Input("pixel_values"));
                named.Add("out.logits_per_image", both.LogitsPerImage).Add("out.logits_per_text", both.LogitsPerImage.Transpose(0, 1)).Add("out.image_embeds", both.ImageEmbeds)
                    .Add("out.text_embeds", both.TextEmbeds).AddGradients(clip);
                break;
        }
    }

    private static void AddText(NamedOutputs named, ClipTextOutput output, Module network) =>
        named.Add("out.last_hidden_state", output.LastHiddenState).Add("out.pooler_output", output.Pooled).Add("out.text_embeds", output.TextEmbeds)
            .AddHiddenStates(output.HiddenStates).AddGradients(network);

    private static void AddVision(NamedOutputs named, ClipVisionOutput output, Module network) =>
        named.Add("out.last_hidden_state", output.LastHiddenState).Add("out.pooler_output", output.Pooled).Add("out.image_embeds", output.ImageEmbeds)
            .AddHiddenStates(output.HiddenStates).AddGradients(network);

    private static ClipTextConfig TextConfig(Fixture fixture) => ModelConfigJson.ReadFile(fixture.ConfigPath, ClipJson.Default.ClipTextConfig);

    private static ClipVisionConfig VisionConfig(Fixture fixture) => ModelConfigJson.ReadFile(fixture.ConfigPath, ClipJson.Default.ClipVisionConfig);

    private static Tensor? Mask(Fixture fixture) => fixture.TryInput("attention_mask")?.To(DType.Bool);
}
