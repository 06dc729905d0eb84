// The whole files that mutations start from: small ones of every kind that users have.

using System.Globalization;
using System.Text;

namespace Kinora.Evaluation.Fuzz;

/// <summary>Samples: those that are part of this assembly, and layouts of published weights written with a few tiny tensors.</summary>
internal static class FuzzSamples
{
    private const string Prefix = "Kinora.Evaluation.Fuzz.Samples.";
    private const int Alignment = 32;

    /// <summary>The layer that the samples of LoRA files change.</summary>
    public const string Layer = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";

    private const string Kohya = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q", Convolution = "lora_unet_down_blocks_0_resnets_0_conv1";

    private static readonly Dictionary<string, (string Name, int[] Shape)[]> Layouts = new(StringComparer.Ordinal)
    {
        ["original.safetensors"] =
        [
            ("model.diffusion_model.input_blocks.0.0.weight", [4, 4, 1, 1]), ("model.diffusion_model.input_blocks.0.0.bias", [4]), ("model.diffusion_model.input_blocks.1.0.in_layers.2.weight", [4, 4, 1, 1]),
            ("model.diffusion_model.input_blocks.1.1.proj_in.weight", [4, 4]), ("model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", [4, 2]), ("model.diffusion_model.input_blocks.2.0.op.weight", [4, 4, 1, 1]),
            ("model.diffusion_model.input_blocks.3.0.in_layers.2.weight", [8, 4, 1, 1]), ("model.diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_k.weight", [8, 2]), ("model.diffusion_model.out.2.weight", [4, 4, 1, 1]),
            ("model.diffusion_model.label_emb.0.0.weight", [2, 3]), ("first_stage_model.decoder.mid.block_1.conv1.weight", [4, 4, 1, 1]), ("first_stage_model.encoder.down.0.block.0.conv1.weight", [4, 4, 1, 1]),
            ("first_stage_model.decoder.conv_in.weight", [4, 4, 1, 1]), ("cond_stage_model.transformer.text_model.encoder.layers.0.self_attn.q_proj.weight", [4, 4]),
            ("cond_stage_model.transformer.text_model.embeddings.token_embedding.weight", [3, 64]), ("conditioner.embedders.0.model.transformer.resblocks.0.attn.in_proj_weight", [12, 4]), ("alphas_cumprod", [3]),
        ],
        ["controlnet.safetensors"] =
        [
            ("conv_in.weight", [4, 4, 1, 1]), ("time_embedding.linear_1.weight", [4, 4]), ("controlnet_mid_block.weight", [4, 4, 1, 1]), ("controlnet_cond_embedding.conv_in.weight", [2, 3, 1, 1]),
            ("controlnet_cond_embedding.blocks.1.weight", [4, 2, 1, 1]), ("down_blocks.0.resnets.0.conv1.weight", [4, 4, 1, 1]), ("down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight", [4, 2]), ("add_embedding.linear_1.weight", [2, 3]),
        ],
        ["wan.safetensors"] =
        [
            ("patch_embedding.weight", [8, 4, 1, 2, 2]), ("blocks.0.self_attn.q.weight", [8, 8]), ("blocks.0.ffn.0.weight", [8, 8]), ("head.modulation", [1, 2, 8]), ("head.head.weight", [16, 8]), ("time_embedding.0.weight", [8, 8]),
            ("text_embedding.0.weight", [8, 4]), ("img_emb.proj.0.weight", [4]), ("img_emb.emb_pos", [1, 2, 4]), ("visual.transformer.0.attn.to_qkv.weight", [12, 4]), ("visual.cls_embedding", [1, 1, 4]),
        ],
        ["cogvideox.safetensors"] =
        [
            ("patch_embed.text_proj.weight", [4, 4]), ("patch_embed.proj.weight", [4, 8]), ("proj_out.weight", [8, 4]), ("transformer_blocks.0.attn1.to_q.weight", [4, 4]), ("ofs_embedding.linear_1.weight", [4, 4]),
            ("decoder.mid.block_1.conv1.conv.weight", [4, 4, 1, 1, 1]), ("decoder.conv_in.conv.weight", [4, 16, 1, 1, 1]), ("encoder.down.0.block.0.conv1.conv.weight", [4, 4, 1, 1, 1]),
        ],
        ["t5.gguf"] =
        [
            ("token_embd.weight", [5, 4]), ("enc.blk.0.attn_q.weight", [4, 4]), ("enc.blk.0.attn_rel_b.weight", [4, 2]), ("enc.blk.0.ffn_gate.weight", [4, 4]), ("enc.blk.0.ffn_up.weight", [4, 4]), ("enc.blk.1.attn_rel_b.weight", [4, 2]), ("enc.output_norm.weight", [4]),
        ],
        ["lora.safetensors"] = [(Kohya + ".lora_up.weight", [4, 2]), (Kohya + ".lora_down.weight", [2, 6]), (Kohya + ".alpha", []), (Convolution + ".lora_up.weight", [4, 2, 1, 1]), (Convolution + ".lora_down.weight", [2, 6, 1, 1]), (Convolution + ".lora_mid.weight", [2, 2, 3, 3])],
        ["dora.safetensors"] = [("unet." + Layer + ".lora_B.weight", [4, 2]), ("unet." + Layer + ".lora_A.weight", [2, 6]), ("unet." + Layer + ".lora_magnitude_vector", [4])],
        ["loha.safetensors"] = [("lycoris_" + Kohya[5..] + ".hada_w1_a", [4, 2]), ("lycoris_" + Kohya[5..] + ".hada_w1_b", [2, 6]), ("lycoris_" + Kohya[5..] + ".hada_w2_a", [4, 2]), ("lycoris_" + Kohya[5..] + ".hada_w2_b", [2, 6])],
        ["lokr.safetensors"] = [(Kohya + ".lokr_w1", [2, 2]), (Kohya + ".lokr_w2_a", [2, 1]), (Kohya + ".lokr_w2_b", [1, 3])],
        // What the LoRA files change; it is not mutated.
        ["model.safetensors"] = [(Layer + ".weight", [4, 6]), (Layer + ".bias", [4]), ("down_blocks.0.resnets.0.conv1.weight", [4, 6, 3, 3])],
    };

    /// <summary>The bytes of a sample.</summary>
    public static byte[] Of(string name)
    {
        if (Layouts.TryGetValue(name, out var tensors))
        {
            return name.EndsWith(".gguf", StringComparison.Ordinal) ? Gguf(tensors) : Safetensors(tensors);
        }
        using Stream stream = typeof(FuzzSamples).Assembly.GetManifestResourceStream(Prefix + name) ?? throw new InvalidOperationException($"the sample {name} is not part of this assembly.");
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }

    private static byte[] Safetensors((string Name, int[] Shape)[] tensors)
    {
        long at = 0;
        var entries = new List<string>();
        foreach (var (name, shape) in tensors)
        {
            long end = at + 4 * Elements(shape);
            entries.Add(string.Create(CultureInfo.InvariantCulture, $"\"{name}\":{{\"dtype\":\"F32\",\"shape\":[{string.Join(",", shape)}],\"data_offsets\":[{at},{end}]}}"));
            at = end;
        }
        byte[] json = Encoding.UTF8.GetBytes($"{{{string.Join(",", entries)}}}");
        using var file = new MemoryStream();
        using var writer = new BinaryWriter(file);
        writer.Write((ulong)json.Length);
        writer.Write(json);
        WriteElements(writer, at / 4);
        return file.ToArray();
    }

    private static byte[] Gguf((string Name, int[] Shape)[] tensors)
    {
        using var file = new MemoryStream();
        using var writer = new BinaryWriter(file);
        writer.Write("GGUF"u8);
        writer.Write(3u);
        writer.Write((ulong)tensors.Length);
        writer.Write(1UL);
        WriteText(writer, "general.architecture");
        writer.Write(8u);
        WriteText(writer, "t5encoder");
        ulong at = 0;
        foreach (var (name, shape) in tensors)
        {
            WriteText(writer, name);
            writer.Write((uint)shape.Length);
            foreach (int size in shape.Reverse())
            {
                writer.Write((ulong)size);
            }
            writer.Write(0u);
            writer.Write(at);
            at += (ulong)(4 * Elements(shape) + Alignment - 1) / Alignment * Alignment;
        }
        writer.Write(new byte[(Alignment - file.Length % Alignment) % Alignment]);
        WriteElements(writer, (long)at / 4);
        return file.ToArray();
    }

    private static long Elements(int[] shape) => shape.Aggregate(1L, (n, s) => n * s);

    private static void WriteText(BinaryWriter writer, string text)
    {
        writer.Write((ulong)text.Length);
        writer.Write(Encoding.ASCII.GetBytes(text));
    }

    private static void WriteElements(BinaryWriter writer, long count)
    {
        for (long i = 0; i < count; i++)
        {
            writer.Write(0.25f);
        }
    }
}
