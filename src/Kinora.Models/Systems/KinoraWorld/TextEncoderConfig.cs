using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.KinoraWorld;

/// <summary>The <c>text_encoder/config.json</c> of kinora-world. Key names follow transformers' CLIPTextConfig.</summary>
public sealed record TextEncoderConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "KinoraTextEncoder";

    [JsonPropertyName("_class_name")] public required string ClassName { get; init; }
    /// <summary>Tokens that the tokenizer knows, special ones included.</summary>
    public required int VocabSize { get; init; }
    /// <summary>Longest prompt in tokens.</summary>
    public required int MaxPositionEmbeddings { get; init; }
    public required int HiddenSize { get; init; }
    public required int IntermediateSize { get; init; }
    public required int NumHiddenLayers { get; init; }
    public required int NumAttentionHeads { get; init; }
    /// <summary>Epsilon of every norm.</summary>
    public required double LayerNormEps { get; init; }

    /// <summary>The encoder that ships.</summary>
    public static TextEncoderConfig Small(int vocabSize) => new()
    {
        ClassName = Name, VocabSize = vocabSize, MaxPositionEmbeddings = 64, HiddenSize = 192, IntermediateSize = 768, NumHiddenLayers = 3, NumAttentionHeads = 3, LayerNormEps = 1e-5,
    };

    /// <summary>For one GPU.</summary>
    public static TextEncoderConfig Base(int vocabSize) => Small(vocabSize) with { HiddenSize = 384, IntermediateSize = 1536, NumHiddenLayers = 4, NumAttentionHeads = 6 };

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("text encoder config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.RequirePositive("vocab_size", VocabSize);
        violations.RequirePositive("max_position_embeddings", MaxPositionEmbeddings);
        violations.RequirePositive("hidden_size", HiddenSize);
        violations.RequirePositive("intermediate_size", IntermediateSize);
        violations.RequirePositive("num_hidden_layers", NumHiddenLayers);
        violations.Require(NumAttentionHeads > 0 && HiddenSize % Math.Max(1, NumAttentionHeads) == 0, $"`num_attention_heads` must divide `hidden_size` ({HiddenSize}), got {NumAttentionHeads}");
        violations.Require(LayerNormEps > 0, $"`layer_norm_eps` must be positive, got {LayerNormEps}");
        violations.ThrowIfAny();
    }
}
