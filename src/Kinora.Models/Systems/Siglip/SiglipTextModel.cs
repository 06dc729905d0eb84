using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;
using Kinora.Models.Systems.Clip;

namespace Kinora.Models.Systems.Siglip;

// SigLIP's text encoder: CLIP's transformer without the causal rule, pooled at the last position.
// Paper: Zhai et al., "Sigmoid Loss for Language Image Pre-Training", arXiv:2303.15343, section 4.
// Parameter names follow huggingface/transformers d6751d91, models/siglip/modeling_siglip.py (SiglipTextModel).
//
// Shapes    B batch  K tokens  D width  P width of the shared space
// Numerics  as ClipTransformer.

/// <summary>The encoder without the name that a checkpoint puts before it.</summary>
public sealed class SiglipTextTransformer : Module
{
    private const double EmbeddingStd = 0.02;
    private readonly SiglipTextConfig _config;
    private readonly Embedding _tokenEmbedding;
    private readonly Tensor _positionEmbedding;
    private readonly ClipTransformer _encoder;
    private readonly LayerNorm _finalLayerNorm;
    private readonly Linear _head;

    public SiglipTextTransformer(ParameterPath path, SiglipTextConfig config) : base(path)
    {
        config.Validate();
        _config = config;
        var embeddings = path["embeddings"];
        _tokenEmbedding = new Embedding(embeddings["token_embedding"], config.VocabSize, config.HiddenSize, Init.Normal(EmbeddingStd));
        _positionEmbedding = embeddings["position_embedding"].Create("weight", [config.MaxPositionEmbeddings, config.HiddenSize], Init.Normal(EmbeddingStd));
        _encoder = new ClipTransformer(path["encoder"], config.HiddenSize, config.IntermediateSize, config.NumHiddenLayers, config.NumAttentionHeads, config.HiddenAct, config.LayerNormEps);
        _finalLayerNorm = new LayerNorm(path["final_layer_norm"], config.HiddenSize, config.LayerNormEps);
        _head = new Linear(path["head"], config.HiddenSize, config.ProjectionSize ?? config.HiddenSize);
    }

    /// <param name="ids">Token ids padded to the longest prompt, int64 [B, K].</param>
    /// <param name="mask">True at tokens that may be seen, [B, K]; null for all, which is how SigLIP was trained.</param>
    public SiglipOutput Forward(Tensor ids, Tensor? mask = null)
    {
        using var scope = TensorScope.Enter();
        if (ids.Dim != 2 || ids.Size(1) > _config.MaxPositionEmbeddings || ids.DType != DType.Int64)
            throw new ShapeException($"{nameof(SiglipTextTransformer)}: expected int64 ids [B, K] with K ≤ {_config.MaxPositionEmbeddings}, got {ids}. Cut the prompt.");
        var k = ids.Size(1);
        var states = _encoder.Forward(_tokenEmbedding.Forward(ids) + _positionEmbedding.Narrow(0, 0, k), causal: false, mask); // [B, K, D]
        var last = _finalLayerNorm.Forward(states[^1]);
        var pooled = _head.Forward(last.Select(1, k - 1));                                       // [B, P]
        scope.Keep([last, pooled, .. states]);
        return new SiglipOutput(last, pooled, states);
    }
}

/// <summary>A SigLIP text encoder.</summary>
public sealed class SiglipTextModel : Module
{
    private readonly SiglipTextTransformer _textModel;

    public SiglipTextModel(ParameterPath path, SiglipTextConfig config) : base(path)
    {
        Config = config;
        _textModel = new SiglipTextTransformer(path["text_model"], config);
    }

    public SiglipTextConfig Config { get; }

    /// <inheritdoc cref="SiglipTextTransformer.Forward"/>
    public SiglipOutput Forward(Tensor ids, Tensor? mask = null) => _textModel.Forward(ids, mask);

    /// <summary>Loads a component folder: <c>config.json</c> and its weights.</summary>
    public static SiglipTextModel Load(string folder, DType dtype = DType.Float32, Device? device = null)
    {
        var config = ModelConfigJson.ReadFile(System.IO.Path.Combine(folder, "config.json"), SiglipJson.Default.SiglipTextConfig);
        return Checkpoint.Load(folder, p => new SiglipTextModel(p, config), dtype, device, isOmitted: ClipModel.IsBuffer);
    }
}
