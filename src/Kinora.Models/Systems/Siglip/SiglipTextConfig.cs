using Kinora.Models.Systems.Clip;
using Kinora.Models.Text;

namespace Kinora.Models.Systems.Siglip;

/// <summary>The <c>config.json</c> of a SigLIP text encoder. Defaults are those of transformers' SiglipTextConfig, which writes only what differs.</summary>
public sealed record SiglipTextConfig : TransformersConfig
{
    public int VocabSize { get; set; } = 32000;
    public int HiddenSize { get; set; } = 768;
    public int IntermediateSize { get; set; } = 3072;
    public int NumHiddenLayers { get; set; } = 12;
    public int NumAttentionHeads { get; set; } = 12;
    /// <summary>Longest prompt in tokens; SigLIP pads every prompt to it.</summary>
    public int MaxPositionEmbeddings { get; set; } = 64;
    /// <summary>Width of the shared space; the hidden size by default.</summary>
    public int? ProjectionSize { get; set; }
    public string HiddenAct { get; set; } = "gelu_pytorch_tanh";
    public double LayerNormEps { get; set; } = 1e-6;
    public double AttentionDropout { get; set; }
    public int? PadTokenId { get; set; } = 1;
    public int? BosTokenId { get; set; } = 49406;
    public int? EosTokenId { get; set; } = 49407;

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("SigLIP text config");
        violations.RequirePositive("vocab_size", VocabSize);
        violations.RequirePositive("max_position_embeddings", MaxPositionEmbeddings);
        violations.Require(ProjectionSize is null or > 0, $"`projection_size` must be positive, got {ProjectionSize}");
        ClipTransformer.Require(violations, HiddenSize, IntermediateSize, NumHiddenLayers, NumAttentionHeads, HiddenAct, LayerNormEps);
        violations.ThrowIfAny();
    }
}
