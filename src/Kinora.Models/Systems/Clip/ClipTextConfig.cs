using Kinora.Models.Text;

namespace Kinora.Models.Systems.Clip;

/// <summary>The <c>config.json</c> of a CLIP text encoder. Defaults are those of transformers' CLIPTextConfig, which writes only what differs.</summary>
public sealed record ClipTextConfig : TransformersConfig
{
    /// <summary>
    /// The end-of-text id that published configurations carried by mistake until 2023. With it, the pooled token is the one of the
    /// largest id instead of the first end of text.
    /// </summary>
    public const int LegacyEosTokenId = 2;

    public int VocabSize { get; set; } = 49408;
    public int HiddenSize { get; set; } = 512;
    public int IntermediateSize { get; set; } = 2048;
    /// <summary>Width of the space that text and images share.</summary>
    public int ProjectionDim { get; set; } = 512;
    public int NumHiddenLayers { get; set; } = 12;
    public int NumAttentionHeads { get; set; } = 8;
    /// <summary>Longest prompt in tokens.</summary>
    public int MaxPositionEmbeddings { get; set; } = 77;
    public string HiddenAct { get; set; } = "quick_gelu";
    public double LayerNormEps { get; set; } = 1e-5;
    public double AttentionDropout { get; set; }
    public double Dropout { get; set; }
    public double InitializerRange { get; set; } = 0.02;
    public double InitializerFactor { get; set; } = 1;
    public int? PadTokenId { get; set; } = 1;
    public int? BosTokenId { get; set; } = 49406;
    public int EosTokenId { get; set; } = 49407;

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("CLIP text config");
        violations.RequirePositive("vocab_size", VocabSize);
        violations.RequirePositive("max_position_embeddings", MaxPositionEmbeddings);
        violations.RequirePositive("projection_dim", ProjectionDim);
        ClipTransformer.Require(violations, HiddenSize, IntermediateSize, NumHiddenLayers, NumAttentionHeads, HiddenAct, LayerNormEps);
        violations.ThrowIfAny();
    }
}
