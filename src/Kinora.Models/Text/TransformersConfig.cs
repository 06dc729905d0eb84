using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Models.Text;

// Source of the keys: huggingface/transformers d6751d91, configuration_utils.py (PretrainedConfig); `dtype` and `_attn_implementation*` come from later releases.

/// <summary>
/// Keys that any <c>config.json</c> of transformers may carry and that no encoder reads: generation settings, provenance, training
/// switches. They are listed so that a key which is neither here nor in the encoder's own record can be refused by name.
/// Properties with a default have a setter, because generated JSON binding passes over the initializers of init-only properties.
/// </summary>
public abstract record TransformersConfig
{
    [JsonPropertyName("_name_or_path")] public JsonElement? NameOrPath { get; set; }
    [JsonPropertyName("_attn_implementation")] public JsonElement? AttnImplementation { get; set; }
    [JsonPropertyName("_attn_implementation_autoset")] public JsonElement? AttnImplementationAutoset { get; set; }
    [JsonPropertyName("_commit_hash")] public JsonElement? CommitHash { get; set; }
    public JsonElement? Architectures { get; set; }
    public JsonElement? ModelType { get; set; }
    public JsonElement? TransformersVersion { get; set; }
    public JsonElement? TorchDtype { get; set; }
    public JsonElement? Dtype { get; set; }
    public JsonElement? ReturnDict { get; set; }
    public JsonElement? OutputHiddenStates { get; set; }
    public JsonElement? OutputAttentions { get; set; }
    public JsonElement? Torchscript { get; set; }
    public JsonElement? UseBfloat16 { get; set; }
    public JsonElement? TfLegacyLoss { get; set; }
    public JsonElement? PrunedHeads { get; set; }
    public JsonElement? TieWordEmbeddings { get; set; }
    public JsonElement? IsEncoderDecoder { get; set; }
    public JsonElement? IsDecoder { get; set; }
    public JsonElement? CrossAttentionHiddenSize { get; set; }
    public JsonElement? AddCrossAttention { get; set; }
    public JsonElement? TieEncoderDecoder { get; set; }
    public JsonElement? MaxLength { get; set; }
    public JsonElement? MinLength { get; set; }
    public JsonElement? DoSample { get; set; }
    public JsonElement? EarlyStopping { get; set; }
    public JsonElement? NumBeams { get; set; }
    public JsonElement? NumBeamGroups { get; set; }
    public JsonElement? DiversityPenalty { get; set; }
    public JsonElement? Temperature { get; set; }
    public JsonElement? TopK { get; set; }
    public JsonElement? TopP { get; set; }
    public JsonElement? TypicalP { get; set; }
    public JsonElement? RepetitionPenalty { get; set; }
    public JsonElement? LengthPenalty { get; set; }
    public JsonElement? NoRepeatNgramSize { get; set; }
    public JsonElement? EncoderNoRepeatNgramSize { get; set; }
    public JsonElement? BadWordsIds { get; set; }
    public JsonElement? NumReturnSequences { get; set; }
    public JsonElement? ChunkSizeFeedForward { get; set; }
    public JsonElement? OutputScores { get; set; }
    public JsonElement? ReturnDictInGenerate { get; set; }
    public JsonElement? ForcedBosTokenId { get; set; }
    public JsonElement? ForcedEosTokenId { get; set; }
    public JsonElement? RemoveInvalidValues { get; set; }
    public JsonElement? ExponentialDecayLengthPenalty { get; set; }
    public JsonElement? SuppressTokens { get; set; }
    public JsonElement? BeginSuppressTokens { get; set; }
    public JsonElement? FinetuningTask { get; set; }
    [JsonPropertyName("id2label")] public JsonElement? IdToLabel { get; set; }
    [JsonPropertyName("label2id")] public JsonElement? LabelToId { get; set; }
    public JsonElement? TokenizerClass { get; set; }
    public JsonElement? Prefix { get; set; }
    public JsonElement? SepTokenId { get; set; }
    public JsonElement? DecoderStartTokenId { get; set; }
    public JsonElement? TaskSpecificParams { get; set; }
    public JsonElement? ProblemType { get; set; }
}
