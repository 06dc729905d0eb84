// The text tower of OpenCLIP, which Stable Diffusion 2 and XL embed.
// Sources: mlfoundations/open_clip v2.24, src/open_clip/transformer.py (published names); huggingface/transformers v4.45,
// models/clip/convert_clip_original_pytorch_to_hf.py (which is which).

using static Kinora.Models.Checkpoints.KeyMap;

namespace Kinora.Models.Checkpoints.Dialects;

internal static class OpenClipKeys
{
    /// <summary>The text tower.</summary>
    /// <param name="lastLayer">The layer that is left out because the model takes the output of the one before it; null for none.</param>
    public static KeyMap Text(int? lastLayer)
    {
        const string Layer = "text_model.encoder.layers.{}.";
        const string Block = "transformer.resblocks.{}.";
        var rules = new List<KeyRule>
        {
            new("positional_embedding", "text_model.embeddings.position_embedding.weight"),
            new("token_embedding.weight", "text_model.embeddings.token_embedding.weight"),
            new("ln_final.{}", "text_model.final_layer_norm.{}"),
            new(Block + "ln_1.{}", Layer + "layer_norm1.{}"),
            new(Block + "ln_2.{}", Layer + "layer_norm2.{}"),
            new(Block + "attn.out_proj.{}", Layer + "self_attn.out_proj.{}"),
            new(Block + "mlp.c_fc.{}", Layer + "mlp.fc1.{}"),
            new(Block + "mlp.c_proj.{}", Layer + "mlp.fc2.{}"),
        };
        string[] projections = ["q_proj", "k_proj", "v_proj"];
        for (int i = 0; i < projections.Length; i++)
        {
            rules.Add(new(Block + "attn.in_proj_weight", $"{Layer}self_attn.{projections[i]}.weight", KeyStep.Parts(projections.Length, i)));
            rules.Add(new(Block + "attn.in_proj_bias", $"{Layer}self_attn.{projections[i]}.bias", KeyStep.Parts(projections.Length, i)));
        }
        var omitted = new List<KeyOmission> { new("logit_scale", "scales similarities with images"), new("attn_mask", "computed") };
        if (lastLayer is { } layer)
        {
            omitted.Add(new(Name($"transformer.resblocks.{layer}.{{*}}"), "the model reads the layer before the last"));
            omitted.Add(new("text_projection", "the model reads states, not the pooled embedding"));
        }
        else
        {
            rules.Add(new("text_projection", "text_projection.weight", KeyStep.Transposed));
        }
        return new KeyMap(rules, omitted);
    }
}
