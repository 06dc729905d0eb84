namespace Kinora.Training.Recipes;

/// <summary>The text encoder's size.</summary>
public sealed record TextNetworkRecipe
{
    /// <summary>Width of the encoder.</summary>
    public int HiddenSize { get; set; } = 192;

    /// <summary>Width of its feed-forward layers.</summary>
    public int IntermediateSize { get; set; } = 768;

    /// <summary>Transformer layers.</summary>
    public int NumHiddenLayers { get; set; } = 3;

    /// <summary>Attention heads.</summary>
    public int NumAttentionHeads { get; set; } = 3;

    /// <summary>Longest prompt in tokens.</summary>
    public int MaxPositionEmbeddings { get; set; } = 64;
}

/// <summary>Stage <c>text</c>: a tokenizer from the caption corpus, and an encoder that learns to read scenes out of captions.</summary>
public sealed record TextRecipe
{
    /// <summary>Tokens of the byte-level BPE, the 256 bytes and special tokens included.</summary>
    public int VocabSize { get; set; } = 1024;

    /// <summary>Captions that the tokenizer learns from.</summary>
    public int TokenizerCaptions { get; set; } = 20_000;

    /// <summary>Tokens that captions are padded to during training.</summary>
    public int CaptionTokens { get; set; } = 48;

    /// <summary>The network's size.</summary>
    public TextNetworkRecipe Network { get; set; } = new();

    /// <summary>How it is trained.</summary>
    public required OptimizationRecipe Optimization { get; init; }

    internal void Collect(List<string> violations)
    {
        Recipe.Check(violations, VocabSize is >= 300 and <= 65_536, $"`text.vocab_size` must be within 300 and 65536, got {VocabSize}");
        Recipe.Check(violations, TokenizerCaptions > 0, $"`text.tokenizer_captions` must be positive, got {TokenizerCaptions}");
        Recipe.Check(violations, CaptionTokens > 0 && CaptionTokens <= Network.MaxPositionEmbeddings, $"`text.caption_tokens` must be within 1 and `text.network.max_position_embeddings` ({Network.MaxPositionEmbeddings}), got {CaptionTokens}");
        Recipe.Check(violations, Network.NumAttentionHeads > 0 && Network.HiddenSize % Network.NumAttentionHeads == 0, $"`text.network.num_attention_heads` must divide `hidden_size`, got {Network.NumAttentionHeads}");
    }
}
