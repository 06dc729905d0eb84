// The names of low-rank changes, as kohya-ss, diffusers, PEFT and LyCORIS write them.
// Sources: kohya-ss/sd-scripts, networks/lora.py; huggingface/diffusers v0.31, loaders/lora_conversion_utils.py; huggingface/peft v0.13,
// utils/save_and_load.py; KohakuBlueleaf/LyCORIS v3, docs/ and lycoris/modules/*.py.

namespace Kinora.Models.Checkpoints;

/// <summary>Splits the name of a tensor into the layer that it changes and its part in the change.</summary>
internal static class LoraNames
{
    // What stands behind the layer's name, and the part it is. Longer endings first.
    private static readonly (string Ending, string Part)[] Endings =
    [
        (".lora_A.default.weight", "down"), (".lora_B.default.weight", "up"), (".lora_A.weight", "down"), (".lora_B.weight", "up"),
        (".lora_down.weight", "down"), (".lora_up.weight", "up"), (".lora_mid.weight", "mid"), (".lora.down.weight", "down"), (".lora.up.weight", "up"),
        (".lora_linear_layer.down.weight", "down"), (".lora_linear_layer.up.weight", "up"), ("_lora.down.weight", "down"), ("_lora.up.weight", "up"),
        (".hada_w1_a", "hada_w1_a"), (".hada_w1_b", "hada_w1_b"), (".hada_w2_a", "hada_w2_a"), (".hada_w2_b", "hada_w2_b"), (".hada_t1", "hada_t1"), (".hada_t2", "hada_t2"),
        (".lokr_w1", "lokr_w1"), (".lokr_w1_a", "lokr_w1_a"), (".lokr_w1_b", "lokr_w1_b"), (".lokr_w2", "lokr_w2"), (".lokr_w2_a", "lokr_w2_a"), (".lokr_w2_b", "lokr_w2_b"), (".lokr_t2", "lokr_t2"),
        (".alpha", "alpha"), (".diff", "diff"), (".diff_b", "diff_b"), (".dora_scale", "dora"), (".lora_magnitude_vector", "dora"),
    ];

    // In front of the layer's name: the component it is in. Longer beginnings first.
    private static readonly (string Beginning, string[] Components)[] Beginnings =
    [
        ("base_model.model.", []), ("module.", []), ("model.diffusion_model.", LoraTarget.Denoisers), ("diffusion_model.", LoraTarget.Denoisers),
        ("unet.", LoraTarget.Denoisers), ("transformer.", LoraTarget.Denoisers), ("text_encoder_2.", ["text_encoder_2"]), ("text_encoder.", ["text_encoder"]),
        ("lora_unet_", LoraTarget.Denoisers), ("lora_transformer_", LoraTarget.Denoisers), ("lycoris_unet_", LoraTarget.Denoisers), ("lycoris_", LoraTarget.Denoisers),
        ("lora_te1_", ["text_encoder"]), ("lora_te2_", ["text_encoder_2"]), ("lora_te_", ["text_encoder"]),
    ];

    /// <summary>Whether a name is that of a part of a change.</summary>
    public static bool IsPart(string name) => Split(name) is { Part: not ("alpha" or "diff" or "diff_b") };

    /// <summary>The layer and the part; null when the name is of neither kind.</summary>
    public static (string Layer, string Part)? Split(string name)
    {
        foreach (var (ending, part) in Endings)
        {
            if (name.Length > ending.Length && name.EndsWith(ending, StringComparison.Ordinal))
            {
                return (name[..^ending.Length], part);
            }
        }
        return null;
    }

    /// <summary>The components that a layer may be in, and its name without what says so.</summary>
    public static (string Name, string[] Components) Place(string layer)
    {
        string[] components = LoraTarget.Denoisers;
        bool again = true;
        while (again)
        {
            again = false;
            foreach (var (beginning, where) in Beginnings)
            {
                if (layer.StartsWith(beginning, StringComparison.Ordinal))
                {
                    layer = layer[beginning.Length..];
                    components = where.Length > 0 ? where : components;
                    // PEFT's wrapper may stand before a component.
                    again = where.Length == 0;
                    break;
                }
            }
        }
        // Older diffusers: the projection's name stands in its attention processor.
        return (layer.Replace(".processor.", ".", StringComparison.Ordinal), components);
    }
}

/// <summary>Components that a change may be for.</summary>
internal static class LoraTarget
{
    public static readonly string[] Denoisers = ["unet", "transformer", "transformer_2", "motion_adapter", "controlnet"];
}
