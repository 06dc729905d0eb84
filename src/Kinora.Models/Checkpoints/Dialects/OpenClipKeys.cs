// The towers of OpenCLIP: text in Stable Diffusion 2 and XL, pictures in Stable Video Diffusion and Wan.
// Sources: mlfoundations/open_clip v2.24, src/open_clip/transformer.py (published names); Wan-Video/Wan2.1 960af87d, wan/modules/clip.py (Wan's); huggingface/transformers v4.45,
// models/clip/convert_clip_original_pytorch_to_hf.py (which is which).

using static Kinora.Models.Checkpoints.KeyMap;

namespace Kinora.Models.Checkpoints.Dialects;

internal static class OpenClipKeys
{
    /// <summary>The text tower.</summary>
    /// <param name="lastLayer">The layer that is left out because the model takes the output of the one before it; null for none.</param>
    public static KeyMap Text(int? lastLayer)
    {
        var rules = new List<KeyRule>
        {
            new("positional_embedding", "text_model.embeddings.position_embedding.weight"),
            new("token_embedding.weight", "text_model.embeddings.token_embedding.weight"),
            new("ln_final.{}", "text_model.final_layer_norm.{}"),
        };
        rules.AddRange(Blocks("text_model"));
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

    /// <summary>The picture tower.</summary>
    public static KeyMap Vision { get; } = new(
    [
        new("class_embedding", "vision_model.embeddings.class_embedding"),
        new("positional_embedding", "vision_model.embeddings.position_embedding.weight"),
        new("conv1.weight", "vision_model.embeddings.patch_embedding.weight"),
        new("ln_pre.{}", "vision_model.pre_layrnorm.{}"),
        new("ln_post.{}", "vision_model.post_layernorm.{}"),
        new("proj", "visual_projection.weight", KeyStep.Transposed),
        .. Blocks("vision_model"),
    ]);

    /// <summary>The picture tower of OpenCLIP's ViT-H/14 beside XLM-RoBERTa, as Wan-AI published it for image to video.</summary>
    public static KeyMap WanVision { get; } = new(
    [
        new("visual.cls_embedding", "vision_model.embeddings.class_embedding", KeyStep.Unpadded(3)),
        new("visual.pos_embedding", "vision_model.embeddings.position_embedding.weight", KeyStep.Unpadded(3)),
        new("visual.patch_embedding.weight", "vision_model.embeddings.patch_embedding.weight"),
        new("visual.pre_norm.{}", "vision_model.pre_layrnorm.{}"),
        new("visual.post_norm.{}", "vision_model.post_layernorm.{}"),
        .. WanBlocks(),
    ],
    [
        new("visual.head", "the model reads states, not the projected embedding"), new("textual.{*}", "the model reads pictures alone"), new("log_scale", "scales similarities with text"),
    ]);

    private static IEnumerable<KeyRule> WanBlocks()
    {
        const string Block = "visual.transformer.{}.", Layer = "vision_model.encoder.layers.{}.";
        string[] projections = ["q_proj", "k_proj", "v_proj"];
        return
        [
            new(Block + "norm1.{}", Layer + "layer_norm1.{}"),
            new(Block + "norm2.{}", Layer + "layer_norm2.{}"),
            new(Block + "attn.proj.{}", Layer + "self_attn.out_proj.{}"),
            new(Block + "mlp.0.{}", Layer + "mlp.fc1.{}"),
            new(Block + "mlp.2.{}", Layer + "mlp.fc2.{}"),
            .. projections.Select((name, i) => new KeyRule(Block + "attn.to_qkv.{}", $"{Layer}self_attn.{name}.{{}}", KeyStep.Parts(projections.Length, i))),
        ];
    }

    private static IEnumerable<KeyRule> Blocks(string tower)
    {
        const string Block = "transformer.resblocks.{}.";
        string layer = $"{tower}.encoder.layers.{{}}.";
        string[] projections = ["q_proj", "k_proj", "v_proj"];
        return
        [
            new(Block + "ln_1.{}", layer + "layer_norm1.{}"),
            new(Block + "ln_2.{}", layer + "layer_norm2.{}"),
            new(Block + "attn.out_proj.{}", layer + "self_attn.out_proj.{}"),
            new(Block + "mlp.c_fc.{}", layer + "mlp.fc1.{}"),
            new(Block + "mlp.c_proj.{}", layer + "mlp.fc2.{}"),
            .. projections.Select((name, i) => new KeyRule(Block + "attn.in_proj_weight", $"{layer}self_attn.{name}.weight", KeyStep.Parts(projections.Length, i))),
            .. projections.Select((name, i) => new KeyRule(Block + "attn.in_proj_bias", $"{layer}self_attn.{name}.bias", KeyStep.Parts(projections.Length, i))),
        ];
    }
}
