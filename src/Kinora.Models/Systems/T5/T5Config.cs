using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Models.Text;

namespace Kinora.Models.Systems.T5;

/// <summary>
/// The <c>config.json</c> of T5 and umT5. Defaults are those of transformers' T5Config; umT5's published configurations state every
/// key in which it differs.
/// </summary>
public sealed record T5Config : TransformersConfig
{
    /// <summary><c>model_type</c> of the multilingual variant, in which every layer has its own position biases.</summary>
    public const string Umt5 = "umt5";

    public int VocabSize { get; set; } = 32128;
    public int DModel { get; set; } = 512;
    /// <summary>Width of a head; heads times this need not be <c>d_model</c>.</summary>
    public int DKv { get; set; } = 64;
    public int DFf { get; set; } = 2048;
    public int NumLayers { get; set; } = 6;
    public int? NumDecoderLayers { get; set; }
    public int NumHeads { get; set; } = 8;
    /// <summary>Rows of a table of position biases: half for keys before the query, half for keys after it.</summary>
    public int RelativeAttentionNumBuckets { get; set; } = 32;
    /// <summary>Distances from here on share the last bucket.</summary>
    public int RelativeAttentionMaxDistance { get; set; } = 128;
    public double LayerNormEpsilon { get; set; } = 1e-6;
    /// <summary>relu (T5), gated-gelu (T5 1.1, umT5) or gated-silu.</summary>
    public string FeedForwardProj { get; set; } = "relu";
    public string? DenseActFn { get; set; }
    public bool? IsGatedAct { get; set; }
    public double DropoutRate { get; set; } = 0.1;
    public double ClassifierDropout { get; set; }
    public double InitializerFactor { get; set; } = 1;
    public bool UseCache { get; set; } = true;
    public int PadTokenId { get; set; }
    public int EosTokenId { get; set; } = 1;
    public int? BosTokenId { get; set; }
    public int? NPositions { get; set; }
    public bool? OutputPast { get; set; }
    public bool? ScalableAttention { get; set; }
    public JsonElement? GradientCheckpointing { get; set; }

    /// <summary>Whether every layer has its own table of position biases.</summary>
    [JsonIgnore] public bool HasBiasPerLayer => ModelType is { ValueKind: JsonValueKind.String } type && type.GetString() == Umt5;

    /// <summary>Whether a linear unit multiplies the activated one.</summary>
    [JsonIgnore] public bool IsGated => FeedForwardProj.StartsWith("gated-", StringComparison.Ordinal);

    /// <summary>Name of the feed-forward activation; T5 means the tanh form by "gated-gelu".</summary>
    [JsonIgnore] public string Activation => FeedForwardProj == "gated-gelu" ? "gelu_new" : IsGated ? FeedForwardProj["gated-".Length..] : FeedForwardProj;

    /// <summary>T5 1.1 XXL's encoder: CogVideoX, LTX-Video, Mochi.</summary>
    public static T5Config Xxl => new() { DModel = 4096, DFf = 10240, NumLayers = 24, NumHeads = 64, FeedForwardProj = "gated-gelu" };

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("T5 config");
        violations.RequirePositive("vocab_size", VocabSize);
        violations.RequirePositive("d_model", DModel);
        violations.RequirePositive("d_kv", DKv);
        violations.RequirePositive("d_ff", DFf);
        violations.RequirePositive("num_layers", NumLayers);
        violations.RequirePositive("num_heads", NumHeads);
        violations.Require(RelativeAttentionNumBuckets >= 4 && RelativeAttentionNumBuckets % 4 == 0, $"`relative_attention_num_buckets` must be a multiple of 4, got {RelativeAttentionNumBuckets}");
        violations.Require(RelativeAttentionMaxDistance > RelativeAttentionNumBuckets / 4, $"`relative_attention_max_distance` must exceed a quarter of the buckets ({RelativeAttentionNumBuckets}), got {RelativeAttentionMaxDistance}");
        violations.Require(Modules.Activation.Find(Activation) is not null, $"`feed_forward_proj` must be relu, gated-gelu or gated-silu, got \"{FeedForwardProj}\"");
        violations.Require(LayerNormEpsilon > 0, $"`layer_norm_epsilon` must be positive, got {LayerNormEpsilon}");
        violations.ThrowIfAny();
    }
}
