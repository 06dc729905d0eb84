using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.Clip;

// CLIP's text encoder: a causal transformer over byte-pair tokens, pooled at the end of the text.
// Paper: Radford et al., arXiv:2103.00020, section 2.4.
// Parameter names follow huggingface/transformers d6751d91, models/clip/modeling_clip.py (CLIPTextTransformer, CLIPTextModel, CLIPTextModelWithProjection).
//
// Shapes    B batch  K tokens  D width  P width of the shared space
// Numerics  as ClipTransformer.

/// <summary>What a CLIP text encoder makes of prompts.</summary>
/// <param name="LastHiddenState">Normed vectors of the last layer, [B, K, D].</param>
/// <param name="Pooled">The vector at the end of the text, [B, D].</param>
/// <param name="HiddenStates">The embeddings and the result of every layer, none of them normed; <c>[^2]</c> is what skipping the last layer means.</param>
/// <param name="TextEmbeds">The pooled vector in the shared space, [B, P]; null for an encoder without projection.</param>
public sealed record ClipTextOutput(Tensor LastHiddenState, Tensor Pooled, IReadOnlyList<Tensor> HiddenStates, Tensor? TextEmbeds = null);

/// <summary>The encoder without the name that a checkpoint puts before it.</summary>
public sealed class ClipTextTransformer : Module
{
    private const double EmbeddingStd = 0.02;
    private readonly ClipTextConfig _config;
    private readonly Embedding _tokenEmbedding;
    private readonly Tensor _positionEmbedding;
    private readonly ClipTransformer _encoder;
    private readonly LayerNorm _finalLayerNorm;

    public ClipTextTransformer(ParameterPath path, ClipTextConfig config) : base(path)
    {
        config.Validate();
        _config = config;
        var embeddings = path["embeddings"];
        _tokenEmbedding = new Embedding(embeddings["token_embedding"], config.VocabSize, config.HiddenSize, Init.Normal(EmbeddingStd));
        _positionEmbedding = embeddings["position_embedding"].Create("weight", [config.MaxPositionEmbeddings, config.HiddenSize], Init.Normal(EmbeddingStd));
        _encoder = new ClipTransformer(path["encoder"], config.HiddenSize, config.IntermediateSize, config.NumHiddenLayers, config.NumAttentionHeads, config.HiddenAct, config.LayerNormEps);
        _finalLayerNorm = new LayerNorm(path["final_layer_norm"], config.HiddenSize, config.LayerNormEps);
    }

    /// <param name="ids">Token ids, int64 [B, K].</param>
    /// <param name="mask">True at tokens that may be seen, [B, K]; null for all, which is how CLIP was trained.</param>
    public ClipTextOutput Forward(Tensor ids, Tensor? mask = null)
    {
        using var scope = TensorScope.Enter();
        if (ids.Dim != 2 || ids.Size(1) > _config.MaxPositionEmbeddings || ids.DType != DType.Int64)
            throw new ShapeException($"{nameof(ClipTextTransformer)}: expected int64 ids [B, K] with K ≤ {_config.MaxPositionEmbeddings}, got {ids}. Cut the prompt, or encode it in parts.");
        var (b, k) = ids.Dims2();
        var states = _encoder.Forward(_tokenEmbedding.Forward(ids) + _positionEmbedding.Narrow(0, 0, k), causal: true, mask); // [B, K, D]
        var last = _finalLayerNorm.Forward(states[^1]);
        var end = _config.EosTokenId == ClipTextConfig.LegacyEosTokenId
            ? ids.Argmax(1, keepDim: true)
            : ids.Eq(_config.EosTokenId).To(DType.Int64).Argmax(1, keepDim: true);               // [B, 1]
        var d = last.Size(2);
        var pooled = last.Gather(1, end.Unsqueeze(2).Expand(b, 1, d)).View(b, d);                // [B, D]
        scope.Keep([last, pooled, .. states]);
        return new ClipTextOutput(last, pooled, states);
    }
}

/// <summary>A CLIP text encoder as Stable Diffusion 1.x and 2.x and SDXL's first encoder use it.</summary>
public sealed class ClipTextModel : Module
{
    private readonly ClipTextTransformer _textModel;

    public ClipTextModel(ParameterPath path, ClipTextConfig config) : base(path)
    {
        Config = config;
        _textModel = new ClipTextTransformer(path["text_model"], config);
    }

    public ClipTextConfig Config { get; }

    /// <param name="ids">Token ids, int64 [B, K].</param>
    /// <param name="mask">True at tokens that may be seen, [B, K]; null for all.</param>
    public ClipTextOutput Forward(Tensor ids, Tensor? mask = null) => _textModel.Forward(ids, mask);

    /// <summary>Loads a component of a model.</summary>
    public static ClipTextModel Load(NetworkLoader networks, string component)
    {
        ArgumentNullException.ThrowIfNull(networks);
        var config = ModelConfigJson.Read(networks.Folder.Config(component), ClipJson.Default.ClipTextConfig);
        return networks.Load(component, p => new ClipTextModel(p, config), ClipModel.IsBuffer);
    }
}

/// <summary>A CLIP text encoder with the projection into the space shared with images: SDXL's second encoder.</summary>
public sealed class ClipTextModelWithProjection : Module
{
    private readonly ClipTextTransformer _textModel;
    private readonly Linear _textProjection;

    public ClipTextModelWithProjection(ParameterPath path, ClipTextConfig config) : base(path)
    {
        Config = config;
        _textModel = new ClipTextTransformer(path["text_model"], config);
        _textProjection = new Linear(path["text_projection"], config.HiddenSize, config.ProjectionDim, bias: false);
    }

    public ClipTextConfig Config { get; }

    /// <inheritdoc cref="ClipTextModel.Forward"/>
    public ClipTextOutput Forward(Tensor ids, Tensor? mask = null)
    {
        var output = _textModel.Forward(ids, mask);
        return output with { TextEmbeds = _textProjection.Forward(output.Pooled) };              // [B, P]
    }

    /// <summary>Loads a component of a model.</summary>
    public static ClipTextModelWithProjection Load(NetworkLoader networks, string component)
    {
        ArgumentNullException.ThrowIfNull(networks);
        var config = ModelConfigJson.Read(networks.Folder.Config(component), ClipJson.Default.ClipTextConfig);
        return networks.Load(component, p => new ClipTextModelWithProjection(p, config), ClipModel.IsBuffer);
    }
}
