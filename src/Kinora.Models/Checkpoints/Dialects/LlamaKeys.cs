// T5 and umT5 as llama.cpp names them in GGUF files.
// Source: ggml-org/llama.cpp, gguf-py/gguf/constants.py (names, architecture t5encoder) and gguf-py/gguf/tensor_mapping.py (which is which).

namespace Kinora.Models.Checkpoints.Dialects;

internal static class LlamaKeys
{
    /// <summary>A tensor that tells the layout.</summary>
    public const string Anchor = "enc.blk.0.attn_q.weight";

    /// <summary>The tensor that tells a feed-forward with a gate.</summary>
    public const string Gate = "enc.blk.0.ffn_gate.weight";

    /// <summary>The encoder of T5 or umT5. Files of the whole model hold the decoder too.</summary>
    /// <param name="isGated">Whether the feed-forward has a gate (T5 1.1, umT5); the first T5 has none.</param>
    public static KeyMap TextEncoder(bool isGated)
    {
        const string Block = "enc.blk.{}.", Attention = "encoder.block.{}.layer.0.", FeedForward = "encoder.block.{}.layer.1.";
        return new KeyMap(
        [
            new("token_embd.weight", "shared.weight"),
            new("enc.output_norm.weight", "encoder.final_layer_norm.weight"),
            new(Block + "attn_norm.weight", Attention + "layer_norm.weight"),
            new(Block + "attn_q.weight", Attention + "SelfAttention.q.weight"),
            new(Block + "attn_k.weight", Attention + "SelfAttention.k.weight"),
            new(Block + "attn_v.weight", Attention + "SelfAttention.v.weight"),
            new(Block + "attn_o.weight", Attention + "SelfAttention.o.weight"),
            new(Block + "attn_rel_b.weight", Attention + "SelfAttention.relative_attention_bias.weight"),
            new(Block + "ffn_norm.weight", FeedForward + "layer_norm.weight"),
            new(Block + "ffn_gate.weight", FeedForward + "DenseReluDense.wi_0.weight"),
            new(Block + "ffn_up.weight", FeedForward + (isGated ? "DenseReluDense.wi_1.weight" : "DenseReluDense.wi.weight")),
            new(Block + "ffn_down.weight", FeedForward + "DenseReluDense.wo.weight"),
        ],
        [new("dec.{*}", "the model reads the encoder's states"), new("output.weight", "belongs to the decoder")]);
    }
}
